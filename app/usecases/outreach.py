# SPDX-License-Identifier: Apache-2.0
"""Outreach: the contact log, words to approach creators with, the copy queue, mail, and whom all of that leaves alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from app.errors import PlatformError, UsageError
from app.events import CreatorsChanged, Events, OperationRecorded, RecruitingChanged
from app.jobs import Job, Quiet
from app.rules.outreach import DIRECTIONS, OPT_OUT, OUT, SUPPRESSIONS, channel_of, check_template, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from app.rules.recruiting import Clash
    from app.values import Actor, Stage, Tier

_MANY: Final = 1000
_LONGEST: Final = 10_000


# ---------------------------------------------------------------- what is handed out


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One message or call. ``direction`` is ``out`` or ``in``; ``outcome`` of a mail: sent, pending, failed, bounced."""

    id: int
    creator_id: int
    name: str
    channel: str
    direction: str
    at: int
    who: str
    text: str
    template: str | None
    answer_by: int | None
    outcome: str | None
    voided_at: int | None
    voided_by: str | None
    void_reason: str | None


@dataclass(frozen=True, slots=True)
class NewContact:
    """A message or call to be written down. ``at`` None: now; ``answer_by``: it wants an answer by then."""

    creator_id: int
    text: str
    channel: str = "wechat"
    direction: str = OUT
    at: int | None = None
    answer_by: int | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """What was written down, and what whoever wrote it should know: another's creator, or one whom outreach leaves alone."""

    operation_id: int
    contact: ContactRow
    clash: Clash | None
    suppressed: str | None


@dataclass(frozen=True, slots=True)
class TemplateRow:
    """Words to approach creators with. ``sent``: how often they went out."""

    id: int
    name: str
    channel: str
    subject: str | None
    text: str
    placeholders: tuple[str, ...]
    sent: int
    archived: bool
    version: int


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template as somebody wrote it; ``id`` and ``version`` of the one that it replaces."""

    name: str
    channel: str
    text: str
    subject: str | None = None
    id: int | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """Whom somebody writes to next, with the words ready to be copied. ``address``: the id on the channel, "" where none is needed."""

    creator_id: int
    name: str
    stage: Stage
    platform: str | None
    handle: str | None
    url: str | None
    tier: Tier | None
    followers: int | None
    category: str | None
    owner: str | None
    source: str | None
    address: str
    subject: str | None
    text: str
    last_contact_at: int | None
    clash: Clash | None


@dataclass(frozen=True, slots=True)
class Queue:
    """The head of somebody's queue on a channel, and what the day leaves."""

    channel: str
    rows: tuple[QueueRow, ...]
    sent_today: int
    limit: int

    @property
    def left(self) -> int:
        """How many more messages may go out today."""
        return max(0, self.limit - self.sent_today)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that went out: the operation that takes it back, the contact, and what the day leaves."""

    operation_id: int
    contact_id: int
    moved: bool
    claimed: bool
    left: int


@dataclass(frozen=True, slots=True)
class SuppressionRow:
    """Whom outreach leaves alone: a creator, or (None) whoever comes back with one of ``contacts`` known contacts; ``channel`` None: on all.

    ``id`` stands for all rows of one opt-out.
    """

    id: int
    creator_id: int | None
    name: str | None
    kind: str
    channel: str | None
    contacts: int
    reason: str | None
    at: int
    by: str
    lifted_at: int | None
    lifted_by: str | None
    lift_reason: str | None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail goes out. ``security`` is tls, starttls or none (this computer alone); the password lies in the keyring."""

    host: str
    port: int
    user: str
    sender: str
    sender_name: str = ""
    security: str = "tls"


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one creator."""

    to: str
    subject: str
    text: str
    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a letter did not go: ``bounced`` for good, or ``failed`` this time, with the server's words."""

    outcome: str
    words: str


@dataclass(frozen=True, slots=True)
class Mailed:
    """What became of a mailing: its operation, letters that went out, and with whom it did not, with a code each."""

    operation_id: int
    sent: int
    left: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Bounce:
    """A letter that came back: the reference it bore, or at least to whom it went."""

    reference: str | None
    address: str | None
    words: str


# ---------------------------------------------------------------- ports


class Contacts(Protocol):
    """Remembers contacts, templates and suppressions. One method is one transaction."""

    def add(self, new: NewContact, actor: Actor, now: int) -> Logged:
        """Write a contact down."""

    def void(self, contact_id: int, reason: str, actor: Actor, now: int) -> int:
        """Void a contact; returns the operation's id."""

    def log(self, creator_id: int | None, limit: int) -> list[ContactRow]:
        """Contacts of a creator or of everybody, the newest first."""

    def templates(self, *, archived: bool) -> list[TemplateRow]:
        """Templates by name."""

    def save_template(self, new: NewTemplate, actor: Actor, now: int) -> TemplateRow:
        """Add or replace a template."""

    def archive_template(self, template_id: int, actor: Actor, now: int) -> int:
        """Put a template away; returns the operation's id."""

    def queue(self, template_id: int, limit: int, actor: Actor, now: int, *, pool: bool) -> Queue:
        """Whom somebody writes to next by a template."""

    def sent(self, creator_id: int, template_id: int, text: str, actor: Actor, now: int) -> Sent:
        """Write down that a message went out, move the lead and claim it; refused where outreach leaves him alone or the day is used up."""

    def skip(self, creator_id: int, reason: str, until: int | None, actor: Actor, now: int) -> int:
        """Leave a creator out of the queue; returns the operation's id."""

    def opt_out(self, ids: Sequence[int], kind: str, channel: str | None, reason: str | None, actor: Actor, now: int) -> int:
        """Leave creators alone from now on; returns the operation's id."""

    def lift(self, suppression_ids: Sequence[int], reason: str, actor: Actor, now: int) -> int:
        """End suppressions; returns the operation's id, 0 if none was in force."""

    def suppressions(self, creator_id: int | None, limit: int, *, lifted: bool) -> list[SuppressionRow]:
        """Suppressions, the newest first."""

    def catch_up(self, actor: Actor, now: int) -> int:
        """Raise the events of questions whose time has passed; returns the operation's id, 0 if there are none."""

    def mail_settings(self) -> MailSettings | None:
        """How mail goes out; None while nobody said."""

    def set_mail(self, how: MailSettings, actor: Actor, now: int) -> None:
        """Keep how mail goes out."""

    def reserve(self, creator_id: int, template_id: int, actor: Actor, now: int, operation_id: int) -> tuple[int, Letter] | str:
        """Write a letter down as pending, or say by a code why it must not go; returns the operation's id and the letter."""

    def settle(self, reference: str, refused: Refused | None, actor: Actor, now: int, operation_id: int) -> None:
        """What became of a pending letter."""

    def bounced(self, bounces: Sequence[Bounce], actor: Actor, now: int) -> Mapping[str, int]:
        """Letters that came back: written down, and their addresses left alone; counts by what was done."""


class Post(Protocol):
    """Carries letters to a mail server."""

    def open(self, how: MailSettings) -> Callable[[Letter], Refused | None]:
        """Sign in; what it returns sends one letter. PlatformError where the server cannot be reached or refuses."""

    def close(self) -> None:
        """Sign out."""

    def keep_password(self, how: MailSettings, password: str) -> None:
        """Put the password into the keyring."""

    def bounces(self, mail: bytes) -> list[Bounce]:
        """Letters that a mail says came back."""


# ---------------------------------------------------------------- use case


class Outreach:
    """What people do to reach creators."""

    def __init__(self, store: Contacts, post: Post, actor: Actor, clock: Callable[[], int], events: Events) -> None:
        """Work on a store as somebody."""
        self._store, self._post, self._actor, self._clock, self._events = store, post, actor, clock, events

    # ------------------------------------------------------------ contact log

    def add(self, new: NewContact) -> Logged:
        """Write a message or call down; replies in time and slow ones follow from it."""
        if not new.text.strip() or len(new.text) > _LONGEST:
            raise UsageError("value_missing" if not new.text.strip() else "text_too_long", field="text")
        channel_of(new.channel)
        if new.direction not in DIRECTIONS:
            raise UsageError("bad_value", field="direction", value=new.direction, reason="unknown_value")
        done = self._store.add(new, self._actor, self._clock())
        self._announce((new.creator_id,))
        return done

    def void(self, contact_id: int, reason: str) -> int:
        """Void a contact; what followed from it follows."""
        done = self._store.void(contact_id, _given(reason), self._actor, self._clock())
        self._announce(())
        return done

    def log(self, creator_id: int | None = None, limit: int = 200) -> list[ContactRow]:
        """Contacts of a creator, or of everybody, the newest first."""
        return self._store.log(creator_id, limit)

    def catch_up(self) -> int:
        """Raise what the passing of time brings: questions that nobody answered; returns the operation's id, 0 if none."""
        done = self._store.catch_up(self._actor, self._clock())
        if done:
            self._announce(())
        return done

    # ------------------------------------------------------------ templates

    def templates(self, *, archived: bool = False) -> list[TemplateRow]:
        """Templates by name."""
        return self._store.templates(archived=archived)

    def save_template(self, new: NewTemplate) -> TemplateRow:
        """Add a template, or replace one of the version seen; UsageError names a placeholder that is none."""
        channel_of(new.channel)
        if not new.name.strip():
            raise UsageError("value_missing", field="name")
        check_template(new.text)
        if new.subject:
            check_template(new.subject)
        saved = self._store.save_template(new, self._actor, self._clock())
        self._events.announce(RecruitingChanged(), OperationRecorded())
        return saved

    def archive_template(self, template_id: int) -> int:
        """Put a template away."""
        done = self._store.archive_template(template_id, self._actor, self._clock())
        self._events.announce(RecruitingChanged(), OperationRecorded())
        return done

    @staticmethod
    def filled(text: str, values: Mapping[str, str | None]) -> str:
        """A template with values filled in, as a preview shows it; UsageError for an unknown placeholder."""
        check_template(text)
        return fill(text, values)

    # ------------------------------------------------------------ copy queue

    def queue(self, template_id: int, limit: int = 20, *, pool: bool = True) -> Queue:
        """Whom to write to next: one's own creators, then (``pool``) nobody's, never one whom outreach leaves alone."""
        return self._store.queue(template_id, limit, self._actor, self._clock(), pool=pool)

    def sent(self, creator_id: int, template_id: int, text: str) -> Sent:
        """The message went out: contact, stage and claim as one operation that undo takes back."""
        done = self._store.sent(creator_id, template_id, text, self._actor, self._clock())
        self._announce((creator_id,))
        return done

    def skip(self, creator_id: int, reason: str, until: int | None = None) -> int:
        """Leave a creator out of the queue, until a moment or for good."""
        done = self._store.skip(creator_id, _given(reason), until, self._actor, self._clock())
        self._announce((creator_id,))
        return done

    # ------------------------------------------------------------ whom to leave alone

    def opt_out(self, ids: Sequence[int], channel: str | None = None, reason: str | None = None, kind: str = OPT_OUT) -> int:
        """Leave creators alone from now on, on one channel or all; whoever comes back with the same contact too."""
        if kind not in SUPPRESSIONS:
            raise UsageError("bad_value", field="kind", value=kind, reason="unknown_value")
        if channel is not None:
            channel_of(channel)
        done = self._store.opt_out(ids, kind, channel, reason, self._actor, self._clock())
        self._announce(ids)
        return done

    def lift(self, suppression_ids: Sequence[int], reason: str) -> int:
        """End suppressions, with a reason: the creator asked to hear again."""
        done = self._store.lift(suppression_ids, _given(reason), self._actor, self._clock())
        if done:
            self._announce(())
        return done

    def suppressions(self, creator_id: int | None = None, limit: int = 200, *, lifted: bool = False) -> list[SuppressionRow]:
        """Suppressions in force, the newest first; with ``lifted`` also those that were ended."""
        return self._store.suppressions(creator_id, limit, lifted=lifted)

    # ------------------------------------------------------------ mail

    def mail_settings(self) -> MailSettings | None:
        """How mail goes out; None while nobody said."""
        return self._store.mail_settings()

    def set_mail(self, how: MailSettings, password: str | None = None) -> None:
        """Say how mail goes out; a password goes to the keyring."""
        if how.security not in {"tls", "starttls", "none"}:
            raise UsageError("bad_value", field="security", value=how.security, reason="unknown_value")
        if how.security == "none" and how.host not in {"127.0.0.1", "::1", "localhost"}:
            raise UsageError("mail_not_secure", host=how.host)
        if "@" not in how.sender or any(char in how.sender + how.sender_name + how.host for char in "\r\n"):
            raise UsageError("bad_value", field="sender", value=how.sender, reason="bad_address")
        if password:
            self._post.keep_password(how, password)
        self._store.set_mail(how, self._actor, self._clock())
        self._events.announce(RecruitingChanged())

    def send_mail(self, ids: Sequence[int], template_id: int, job: Job | None = None) -> Mailed:
        """Send one mail to each creator, each asked for anew; what went out stands when the job is stopped."""
        how, job = self._store.mail_settings(), job or Quiet()
        if how is None:
            raise UsageError("mail_not_set")
        operation, sent, left = 0, 0, {}
        send = self._post.open(how)
        try:
            for at, one in enumerate(dict.fromkeys(ids)):
                job.check()
                job.progress("mail", at, len(ids))
                reserved = self._store.reserve(one, template_id, self._actor, self._clock(), operation)
                if isinstance(reserved, str):
                    left[one] = reserved
                    continue
                operation, letter = reserved
                refused = self._handed(send, letter, operation)
                if refused is None:
                    sent += 1
                else:
                    left[one] = refused.outcome
        finally:
            self._post.close()
            if operation:
                self._announce(ids)
        return Mailed(operation, sent, left)

    def _handed(self, send: Callable[[Letter], Refused | None], letter: Letter, operation: int) -> Refused | None:
        """Hand a letter over and write down what became of it; a server that is gone ends the mailing."""
        try:
            refused = send(letter)
        except PlatformError as error:
            self._store.settle(letter.reference, Refused("failed", error.code), self._actor, self._clock(), operation)
            raise
        self._store.settle(letter.reference, refused, self._actor, self._clock(), operation)
        return refused

    def bounced(self, mail: bytes) -> Mapping[str, int]:
        """Take a mail in that says a letter came back."""
        found = self._post.bounces(mail)
        if not found:
            raise UsageError("no_bounce")
        done = self._store.bounced(found, self._actor, self._clock())
        self._announce(())
        return done

    def _announce(self, ids: Sequence[int]) -> None:
        some = tuple(ids) if len(ids) <= _MANY else ()
        self._events.announce(CreatorsChanged(some), RecruitingChanged(some), OperationRecorded())


def _given(reason: str) -> str:
    if not reason.strip():
        raise UsageError("value_missing", field="reason")
    return reason.strip()
