# SPDX-License-Identifier: Apache-2.0
"""Letters over a real SMTP server on this computer: what goes out, what is refused, what comes back."""

from __future__ import annotations

import base64
import email
import email.policy
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from app.errors import PlatformError
from app.usecases.outreach import Letter, MailSettings
from sync.mail import Smtp, returned, written
from sync.secrets import Places, Secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

WORDS = "geheim-7"
LETTER = Letter("lulu@example.com", "秋季新品", "你好，\n愿意试试吗？\n.\n再见", "<one@example.com>")


# ---------------------------------------------------------------- a server


class Handler(socketserver.StreamRequestHandler):
    """As much of SMTP as a client of ours speaks."""

    server: Server

    def handle(self) -> None:  # noqa: C901 (a protocol, verb by verb)
        if self.server.tls is not None and not self.server.starttls:
            self._secure()
        self._say("220 post.example ready")
        sender, to = "", ""
        while line := self.rfile.readline():
            said = line.decode("ascii", "replace").strip()
            verb = said.split(" ")[0].upper()
            self.server.heard.append(said)
            if verb in {"EHLO", "HELO"}:
                extra = ["STARTTLS"] if self.server.starttls and not isinstance(self.connection, ssl.SSLSocket) else ["AUTH PLAIN"]
                self._say("250-post.example", *(f"250-{one}" for one in extra), "250 8BITMIME")
            elif verb == "STARTTLS":
                self._say("220 go ahead")
                self._secure()
            elif verb == "AUTH":
                right = base64.b64decode(said.split(" ")[-1]).split(b"\0")[1:] == [b"brand", WORDS.encode()]
                self._say("235 welcome" if right else f"535 no such login {WORDS[:0]}")
            elif verb == "MAIL":
                sender = said
                self._say("250 ok")
            elif verb == "RCPT":
                to = said
                self._say("550 5.1.1 no such user" if "dead" in said else "451 4.2.0 later" if "later" in said else "250 ok")
            elif verb == "DATA":
                self._say("354 go on")
                self.server.letters.append((sender, to, self._body()))
                self._say("250 queued")
                if self.server.hangs_up:
                    return
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _secure(self) -> None:
        assert self.server.tls is not None
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())
        self.wfile.flush()

    def _body(self) -> bytes:
        out = b""
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            out += line.removeprefix(b".") if line.startswith(b"..") else line
        return out


class Server(socketserver.ThreadingTCPServer):
    """A mail server on a port of its own; remembers what it was told."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, tls: ssl.SSLContext | None, *, starttls: bool, hangs_up: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tls, self.starttls, self.hangs_up = tls, starttls, hangs_up
        self.heard: list[str] = []
        self.letters: list[tuple[str, str, bytes]] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate hangs up."""


@dataclass
class Town:
    """Certificates, and the servers that were started."""

    authority: trustme.CA = field(default_factory=trustme.CA)
    servers: list[Server] = field(default_factory=list)

    def server(self, name: str = "localhost", *, tls: bool = True, starttls: bool = False, hangs_up: bool = False) -> Server:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert(name).configure_cert(context)
        made = Server(context, starttls=starttls, hangs_up=hangs_up)
        self.servers.append(made)
        threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True).start()
        return made

    def smtp(self) -> Smtp:
        trust = ssl.create_default_context()
        self.authority.configure_trust(trust)
        secrets = Secrets(Places())
        secrets.keep_in("session")
        return Smtp(lambda: secrets, lambda: "workspace", trust)


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    for one in made.servers:
        one.shutdown()
        one.server_close()


def how(server: Server, security: str = "tls", user: str = "brand") -> MailSettings:
    return MailSettings("localhost", server.server_address[1], user, "koc@brand.example", "示例茶铺", security)


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, email.message.EmailMessage)
    return message


# ---------------------------------------------------------------- out


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_letter_goes_out_over_tls_to_one_reader_who_can_opt_out(town: Town, security: str):
    server = town.server(starttls=security == "starttls")
    post = town.smtp()
    post.keep_password(how(server, security), WORDS)
    send = post.open(how(server, security))
    assert send(LETTER) is None
    assert send(Letter("other@example.com", "又一封", "好", "<two@example.com>")) is None
    post.close()
    assert [(sender.split("<")[1].split(">")[0], to.split("<")[1].split(">")[0]) for sender, to, _ in server.letters] == [
        ("koc@brand.example", "lulu@example.com"),
        ("koc@brand.example", "other@example.com"),
    ]
    message = parsed(server.letters[0][2])
    assert (message["Subject"], message["Message-ID"], message["To"]) == ("秋季新品", "<one@example.com>", "lulu@example.com")
    assert message["From"] == "示例茶铺 <koc@brand.example>"
    assert message["List-Unsubscribe"] == "<mailto:koc@brand.example?subject=unsubscribe>"
    assert message.get_content().replace("\r\n", "\n").strip() == LETTER.text
    assert "other@example.com" not in server.letters[0][2].decode()


def test_a_server_that_lets_go_between_two_letters_is_asked_again(town: Town):
    server = town.server(tls=False, hangs_up=True)
    post = town.smtp()
    send = post.open(how(server, "none", ""))
    assert [send(LETTER), send(LETTER)] == [None, None]
    post.close()
    assert len(server.letters) == 2


@pytest.mark.parametrize(
    ("to", "outcome"), [("dead@example.com", "bounced"), ("later@example.com", "failed"), ("no address", "failed"), ("a@b\r\nBcc: c@d", "failed")]
)
def test_what_a_server_or_a_look_refuses_ends_no_mailing(town: Town, to: str, outcome: str):
    server = town.server(tls=False)
    post = town.smtp()
    send = post.open(how(server, "none", ""))
    refused = send(Letter(to, "s", "t", "<x@y>"))
    assert refused is not None
    assert refused.outcome == outcome
    assert send(LETTER) is None
    post.close()
    assert len(server.letters) == 1


def test_a_line_break_in_a_subject_is_no_header_of_its_own():
    message = written(how_to("brand"), Letter("a@example.com", "hi\r\nBcc: victim@example.com", "t", "<x@y>"))
    assert message["Subject"] == "hi Bcc: victim@example.com"
    assert message["Bcc"] is None


def how_to(user: str, host: str = "mail.example", security: str = "tls") -> MailSettings:
    return MailSettings(host, 465, user, "koc@brand.example", "示例茶铺", security)


# ---------------------------------------------------------------- refused before anything goes out


def test_a_wrong_password_is_said_without_it(town: Town):
    server = town.server()
    post = town.smtp()
    post.keep_password(how(server), "wrong-word-1")
    with pytest.raises(PlatformError) as refused:
        post.open(how(server))
    assert refused.value.code == "mail_refused"
    assert "wrong-word-1" not in str(refused.value.details)


def test_a_certificate_of_another_name_is_refused_before_the_password_is_said(town: Town):
    server = town.server("other.example")
    post = town.smtp()
    post.keep_password(how(server), WORDS)
    with pytest.raises(PlatformError) as refused:
        post.open(how(server))
    assert refused.value.code == "mail_certificate"
    assert server.heard == []


def test_without_a_password_or_tls_or_server_nothing_is_sent(town: Town):
    server = town.server()
    with pytest.raises(PlatformError) as missing:
        town.smtp().open(how(server))
    with pytest.raises(PlatformError) as plain:
        town.smtp().open(how_to("", security="none"))
    port = server.server_address[1]
    server.shutdown()
    server.server_close()
    town.servers.clear()
    with pytest.raises(PlatformError) as gone:
        town.smtp().open(MailSettings("localhost", port, "", "a@b.example", security="tls"))
    assert [one.value.code for one in (missing, plain, gone)] == ["mail_no_password", "mail_not_secure", "mail_unreachable"]


# ---------------------------------------------------------------- back

REPORT = """From: MAILER-DAEMON@post.example
To: koc@brand.example
Subject: Undelivered Mail
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver your message.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; post.example

Final-Recipient: rfc822; Dead@Example.com
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such user

Final-Recipient: rfc822; slow@example.com
Action: delayed
Status: 4.4.1

--b
Content-Type: text/rfc822-headers

Message-ID: <one@example.com>
Subject: hi

--b--
"""


def test_a_report_names_the_letter_that_came_back_for_good():
    found = list(returned(REPORT.replace("\n", "\r\n").encode()))
    assert [(one.reference, one.address) for one in found] == [("<one@example.com>", "Dead@Example.com")]
    assert "550 no such user" in found[0].words


@pytest.mark.parametrize(
    "mail", [b"", b"\xff\xfe\x00", b"Subject: hi\r\n\r\nno report", REPORT.replace("failed", "delayed").replace("5.1.1", "4.1.1").encode()]
)
def test_any_other_mail_is_no_bounce(mail: bytes):
    assert list(returned(mail)) == []
