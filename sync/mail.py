# SPDX-License-Identifier: Apache-2.0
"""Letters by SMTP: over TLS, one creator a letter, with a way to opt out; the password lies in the keyring.

Without TLS only a server on this very computer is spoken to. What a server says is told without its secrets.
"""

from __future__ import annotations

import email
import email.policy
import re
import smtplib
import ssl
from contextlib import ExitStack
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from app.errors import PlatformError
from app.usecases.outreach import Bounce, Refused
from sync.secrets import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from app.usecases.outreach import Letter, MailSettings
    from sync.secrets import Secrets

PASSWORD: Final = "mail_password"  # noqa: S105 (a name)
_CONNECTION: Final = "mail"
_WAIT_S: Final = 20.0
_GONE_FOR_GOOD: Final = 500
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_STATUS: Final = re.compile(r"^\s*5\.\d+\.\d+")
_SHOWN: Final = 300


class Smtp:
    """Fulfils ``Post``: one connection for a mailing, made anew once where the server let go of it."""

    def __init__(self, secrets: Callable[[], Secrets], workspace: Callable[[], str], trust: ssl.SSLContext | None = None) -> None:
        """``trust``: whose certificates are believed, the system's unless told."""
        self._secrets, self._workspace, self._trust = secrets, workspace, trust
        self._server: smtplib.SMTP | None = None

    # ------------------------------------------------------------ the server

    def open(self, how: MailSettings) -> Callable[[Letter], Refused | None]:
        """Sign in; what it returns sends one letter. PlatformError where the server cannot be reached or refuses."""
        self._server = self._signed_in(how)
        return lambda letter: self._send(how, letter)

    def close(self) -> None:
        """Sign out; a server that is gone already does not mind."""
        server, self._server = self._server, None
        if server is not None:
            try:
                server.quit()
            except (smtplib.SMTPException, OSError):
                server.close()

    def _signed_in(self, how: MailSettings) -> smtplib.SMTP:
        if how.security == "none" and how.host not in _LOOPBACK:
            raise PlatformError("mail_not_secure", host=how.host)
        password = self._secrets().get(self._owner(how), PASSWORD) if how.user else None
        if how.user and password is None:
            raise PlatformError("mail_no_password", host=how.host, user=how.user)
        try:
            with ExitStack() as on_error:
                server = self._reached(how)
                on_error.callback(server.close)
                if password is not None:
                    server.login(how.user, str(password["password"]))
                on_error.pop_all()
        except smtplib.SMTPAuthenticationError as error:
            raise PlatformError("mail_refused", host=how.host, user=how.user, words=_words(error.smtp_error)) from None
        except ssl.SSLError as error:
            raise PlatformError("mail_certificate", host=how.host, words=error.reason or str(error)) from error
        except (smtplib.SMTPException, OSError) as error:
            raise PlatformError("mail_unreachable", host=how.host, port=how.port, words=_words(error)) from error
        return server

    def _reached(self, how: MailSettings) -> smtplib.SMTP:
        trust = self._trust or ssl.create_default_context()
        if how.security == "tls":
            return smtplib.SMTP_SSL(how.host, how.port, timeout=_WAIT_S, context=trust)
        server = smtplib.SMTP(how.host, how.port, timeout=_WAIT_S)
        with ExitStack() as on_error:
            on_error.callback(server.close)
            if how.security == "starttls":
                server.starttls(context=trust)
            on_error.pop_all()
        return server

    # ------------------------------------------------------------ letters

    def _send(self, how: MailSettings, letter: Letter) -> Refused | None:
        """Send one letter; a refusal of this one reader ends nothing."""
        try:
            message = written(how, letter)
        except ValueError as error:
            return Refused("failed", _words(error))
        if self._server is None:
            self._server = self._signed_in(how)
        try:
            try:
                self._server.send_message(message, how.sender, [letter.to])
            except smtplib.SMTPServerDisconnected:
                self.close()
                self._server = self._signed_in(how)
                self._server.send_message(message, how.sender, [letter.to])
        except smtplib.SMTPRecipientsRefused as error:
            code, words = next(iter(error.recipients.values()), (_GONE_FOR_GOOD, b""))
            return Refused("bounced" if code >= _GONE_FOR_GOOD else "failed", f"{code} {_words(words)}")
        except smtplib.SMTPResponseException as error:
            return Refused("failed", f"{error.smtp_code} {_words(error.smtp_error)}")
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            raise PlatformError("mail_unreachable", host=how.host, port=how.port, words=_words(error)) from error
        return None

    # ------------------------------------------------------------ the password

    def keep_password(self, how: MailSettings, password: str) -> None:
        """Put the password into the keyring."""
        self._secrets().put(self._owner(how), PASSWORD, {"password": password})

    def _owner(self, how: MailSettings) -> Owner:
        return Owner(self._workspace(), _CONNECTION, f"{how.user}@{how.host}")

    def bounces(self, mail: bytes) -> list[Bounce]:
        """Letters that a mail says came back."""
        return list(returned(mail))


def written(how: MailSettings, letter: Letter) -> EmailMessage:
    """A letter as it goes out: to one reader, plain text, with the way to opt out that mail programs show as a button.

    ValueError for an address that is none; a line break in it or in the subject would be another header.
    """
    local, at, domain = letter.to.strip().rpartition("@")
    if not at or not local or any(char.isspace() or ord(char) < ord(" ") for char in letter.to.strip()):
        raise ValueError(f"no address: {letter.to[:80]!r}")
    message = EmailMessage(policy=email.policy.SMTP)
    sender, _, host = how.sender.rpartition("@")
    message["From"] = Address(how.sender_name, sender, host)
    message["To"] = Address("", local, domain)
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = letter.reference
    message["List-Unsubscribe"] = f"<mailto:{how.sender}?subject=unsubscribe>"
    message.set_content(letter.text, cte="base64")
    return message


def returned(mail: bytes) -> Iterator[Bounce]:
    """Letters that came back for good, as a delivery report (RFC 3464) tells of them."""
    message = email.message_from_bytes(mail, policy=email.policy.compat32)
    original = next((str(part["Message-ID"]).strip() for part in _originals(message) if part["Message-ID"]), None)
    for part in message.walk():
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in part.get_payload():
            # The blocks of a report are messages of headers alone.
            if isinstance(block, str):
                continue
            status, recipient = str(block.get("Status", "")), str(block.get("Final-Recipient", ""))
            if recipient and (_STATUS.match(status) or str(block.get("Action", "")).strip().lower() == "failed"):
                address = recipient.partition(";")[2].strip() or recipient.strip()
                yield Bounce(original, address.strip("<> "), f"{status} {_words(str(block.get('Diagnostic-Code', '')))}".strip())


def _originals(message: Message) -> Iterator[Message]:
    """The letter that came back, whole or its headers alone."""
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                yield inner[0]
        elif kind == "text/rfc822-headers":
            yield email.message_from_string(str(part.get_payload()), policy=email.policy.compat32)


def _words(said: object) -> str:
    """What a server said, in one line."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:_SHOWN]
