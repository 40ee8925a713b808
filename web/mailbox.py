"""The mail box of the front door: each new mail becomes a case, or joins the one that it names.

A mail is taken in once, by its Message-ID, however many workers look and however often: what marks it as read at the
server is only a courtesy. What a machine sent (an absence note, a bounce, a newsletter) is left alone, so that two
machines never write to each other.
"""

from __future__ import annotations

import email
import hashlib
import imaplib
import logging
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import default as modern
from email.utils import parseaddr, parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from lxml import etree, html

from engine.casework.results import Attachment
from engine.entries import EMAIL
from engine.errors import EngineError
from engine.identity import SYSTEM
from web.wiring import House

ORIGIN = "email"
EVERY = timedelta(minutes=1)
MOST_BYTES = 30 * 1024**2
MOST_FILES = 10
MOST_TEXT = 5000
_TIMEOUT_SECONDS = 30
_NUMBER = re.compile(r"(?<![A-Z0-9-])[A-Z0-9]+(?:-[A-Z0-9]+){2,5}(?![A-Z0-9-])", re.IGNORECASE)
_log = logging.getLogger(__name__)


class MailBox(Protocol):
    """Where mail lies."""

    def unread(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield the id and the content of each unread mail; None for one that is too large to fetch."""

    def done(self, mail_id: str, *, flagged: bool = False) -> None:
        """Mark a mail as read; `flagged` if somebody should look at it."""


class ImapBox:
    """A folder at an IMAP server, for the length of a `with`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = imaplib.IMAP4_SSL if parts.scheme == "imaps" else imaplib.IMAP4
        port = parts.port or (993 if parts.scheme == "imaps" else 143)
        self._server = kind(parts.hostname or "localhost", port, timeout=_TIMEOUT_SECONDS)
        try:
            self._server.login(unquote(parts.username or ""), unquote(parts.password or ""))
            self._server.select(unquote(parts.path.lstrip("/")) or "INBOX")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ImapBox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError, imaplib.IMAP4.error):
            self._server.logout()

    def unread(self) -> Iterator[tuple[str, bytes | None]]:
        _, [found] = self._server.uid("SEARCH", "UNSEEN")
        for mail_id in (found or b"").decode().split():
            _, sized = self._server.uid("FETCH", mail_id, "(RFC822.SIZE)")
            size = re.search(rb"RFC822\.SIZE (\d+)", b" ".join(part for part in sized if isinstance(part, bytes)))
            if size is None or int(size[1]) > MOST_BYTES:
                yield mail_id, None
                continue
            _, parts = self._server.uid("FETCH", mail_id, "(BODY.PEEK[])")
            content = next((part[1] for part in parts if isinstance(part, tuple)), None)
            yield mail_id, content

    def done(self, mail_id: str, *, flagged: bool = False) -> None:
        self._server.uid("STORE", mail_id, "+FLAGS", r"(\Seen \Flagged)" if flagged else r"(\Seen)")


@dataclass(frozen=True)
class Letter:
    """A mail, read."""

    reference: str
    sender: str
    name: str
    subject: str
    text: str
    sent_at: datetime | None
    by_machine: bool
    files: tuple[tuple[str, bytes], ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        """What may be the number of a case, in the subject."""
        return tuple(_NUMBER.findall(self.subject))[:5]


def read(content: bytes) -> Letter:
    """Return what a mail says. Never raises: what cannot be read is empty."""
    mail = email.message_from_bytes(content, policy=modern)
    name, sender = parseaddr(_header(mail, "From"))
    told = _header(mail, "Message-ID").strip()
    return Letter(
        reference=told or hashlib.sha256(content).hexdigest(),
        sender=sender,
        name=name.strip() or sender or "未具名",
        subject=" ".join(_header(mail, "Subject").split()),
        text=_text(mail),
        sent_at=_sent_at(_header(mail, "Date")),
        by_machine=_by_machine(mail, sender),
        files=tuple(_files(mail))[:MOST_FILES],
    )


def poll(house: House, box: MailBox) -> int:
    """Take in what is unread, and return how many mails have become a case or joined one."""
    taken = 0
    for mail_id, content in box.unread():
        letter = read(content) if content is not None else None
        if letter is None:
            _log.warning("a mail is too large and was left for somebody to look at")
            box.done(mail_id, flagged=True)
        elif letter.by_machine or house.casework.taken_in(ORIGIN, letter.reference) is not None:
            box.done(mail_id)
        else:
            try:
                _take_in(house, letter)
            except EngineError as error:
                # The sentence may quote the mail: not logged.
                _log.warning("a mail was not taken in and was left for somebody to look at: %s", type(error).__name__)
                box.done(mail_id, flagged=True)
            else:
                taken += 1
                box.done(mail_id)
    return taken


def _take_in(house: House, letter: Letter) -> None:
    attached, refused = _attach(house, letter)
    text = "\n\n".join([letter.text, *refused]).strip()
    for number in letter.numbers:
        joined = house.casework.join(
            number,
            letter.sender,
            f"来信补充：{letter.subject}\n\n{text}",
            by=SYSTEM,
            attachments=[each.key for each in attached],
            origin=ORIGIN,
            reference=letter.reference,
        )
        if joined is not None:
            return
    house.casework.take_in(
        EMAIL, _variables(house, letter, text, attached), by=SYSTEM, origin=ORIGIN, reference=letter.reference
    )


def _variables(house: House, letter: Letter, text: str, attached: list[Attachment]) -> dict[str, Any]:
    now = house.clock.now()
    # A wrong clock at the sender's must not move a deadline.
    told = letter.sent_at is not None and now - timedelta(days=7) <= letter.sent_at <= now
    return {
        "channel": "email",
        "received_at": (letter.sent_at if told and letter.sent_at is not None else now).isoformat(),
        "complainant": {"name": letter.name[:60], "email": letter.sender[:200], "phone": ""},
        "product": {"name": letter.subject[:100] or "来信"},
        "description": text[:MOST_TEXT] or letter.subject or "（来信没有文字，见附件）",
        "evidence": [each.as_answer() for each in attached],
    }


def _attach(house: House, letter: Letter) -> tuple[list[Attachment], list[str]]:
    """Keep the attachments, with the same checks as anybody's; return them, and what is said of those refused."""
    kept, refused = [], []
    for name, content in letter.files:
        try:
            kept.append(house.casework.attach(by=SYSTEM, name=name, content=content))
        except EngineError as error:
            refused.append(f"（附件“{name[:100]}”没有收下：{error.message}）")
    return kept, refused


def _header(mail: EmailMessage, name: str) -> str:
    try:
        return "".join(char for char in str(mail.get(name, "")) if char >= " ")
    except (ValueError, IndexError, AttributeError, LookupError):  # what the library cannot read in a broken header
        return ""


def _sent_at(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return at if at.tzinfo is not None else None


def _by_machine(mail: EmailMessage, sender: str) -> bool:
    """RFC 3834: what answers by itself says so; a bounce has no sender."""
    automatic = _header(mail, "Auto-Submitted").partition(";")[0].strip().lower() not in {"", "no"}
    bulk = _header(mail, "Precedence").strip().lower() in {"bulk", "junk", "list"}
    return automatic or bulk or not sender or sender.lower().startswith(("mailer-daemon@", "postmaster@"))


def _text(mail: EmailMessage) -> str:
    """Return the words of a mail, its plain part rather than the other; "" if there are none."""
    part = mail.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        words = str(part.get_content())
    except (LookupError, ValueError, AttributeError):
        return ""
    if part.get_content_subtype() == "html":
        try:
            page = html.fromstring(words, parser=html.HTMLParser(no_network=True))
            etree.strip_elements(page, "script", "style", with_tail=False)
            words = "".join(str(piece) for piece in page.itertext())
        except (etree.LxmlError, ValueError):
            return ""
    words = words.replace("\r\n", "\n").replace("\0", "")
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", words)).strip()


def _files(mail: EmailMessage) -> Iterator[tuple[str, bytes]]:
    for part in mail.iter_attachments():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes) and content:
            yield part.get_filename() or "附件", content


@contextmanager
def polling(house: House, url: str) -> Iterator[None]:
    """Look for mail every minute, in a thread of its own, while the `with` lasts. Nothing if `url` is ""."""
    if not url:
        yield
        return
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                with ImapBox(url) as box:
                    poll(house, box)
            except Exception as error:  # noqa: BLE001 - whatever the server or the database does: again in a minute
                _log.warning("the mail box was not read: %s", type(error).__name__)
            stop.wait(EVERY.total_seconds())

    thread = threading.Thread(target=run, name="mailbox", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=5)
