"""Mails that come back: delivery reports (RFC 3464), and what people answer. They arrive over HTTP or in a Maildir."""

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import TypeAlias, cast

from channels.callbacks import Callback, CallbackRefused, CallbackUnreadable, Heard, Receipt, Reply
from channels.mail_words import from_html, own_words
from policy.errors import SendaError

TOLERANCE = timedelta(minutes=5)
"""How far a signed timestamp may be from our clock: the default of Standard Webhooks."""

BELIEVED = timedelta(days=30)
"""How old a mail's own date may be; an older one, or one of the future, is a wrong clock: `now` holds."""

TEXT_LIMIT = 10_000
"""Characters of a reply that are kept."""

HEADER_LIMIT = 10_000
"""Characters of a header that are looked at."""

NESTING_LIMIT = 30
"""How often a mail may say `boundary`: how many parts with parts it may have at most."""

_Mail: TypeAlias = "Message[str, str]"
_OURS = re.compile(r"<?([0-9a-f]{32}\.([0-9]{1,18})@[\w.-]{1,190})>?", re.ASCII)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_NOBODY_THERE = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1"})
_BOUNDARY = re.compile(rb"boundary", re.IGNORECASE)
_MACHINES = frozenset({"auto_reply", "bulk", "junk", "list"})


def enhanced_status(text: str) -> str | None:
    """The enhanced status code (RFC 3463) that a text begins with, such as `5.1.1`."""
    found = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?!\d)", text.strip(), re.ASCII)
    return found[0] if found else None


def nobody_there(status: str) -> bool:
    """Whether an enhanced status says that an address is dead for good.

    Permanent and about the recipient's address (5.1.x), or a mailbox that was shut (5.2.1). Not 5.1.7 to 5.1.9, which
    speak of the sender or of other systems. Source: RFC 3463 section 3.2 and 3.3, RFC 7505 for 5.1.10.
    """
    return status in _NOBODY_THERE


def read_posted(callback: Callback, secret: str, now: datetime) -> Heard:
    """A raw mail that a mail server posts to `messages` as `message/rfc822`, signed as Standard Webhooks says.

    Raises `CallbackRefused`, `CallbackUnreadable`.
    """
    _require_signature(callback, secret, now)
    kind = callback.headers.get("content-type", "").partition(";")[0].strip().lower()
    if callback.path != "messages" or callback.method != "POST" or kind != "message/rfc822":
        raise CallbackUnreadable("callback.unreadable", "POST the raw mail to …/messages, as message/rfc822")
    return Heard(events=read_mail(callback.body, now))


async def read_mailbox(
    folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> AsyncIterator[tuple[Receipt | Reply, ...]]:
    """What the new mails of a Maildir say, the oldest first; mails that say nothing yield nothing.

    A mail is marked as seen when the caller asks for the next one: after a crash before that it is read again. One
    that cannot be read is flagged for people and passed over. Raises `mailbox.missing`.
    """
    for path in await asyncio.to_thread(_waiting, folder):
        try:
            raw = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:  # somebody else was quicker
            continue
        flags = "S"
        try:
            events = await asyncio.to_thread(read_mail, raw, clock())
        except CallbackUnreadable:
            events, flags = (), "FS"
        if events:
            yield events
        await asyncio.to_thread(_mark, path, folder, flags)


def read_mail(raw: bytes, now: datetime) -> tuple[Receipt | Reply, ...]:
    """What a mail says: the receipts of a delivery report, or a person's reply. What machines write says nothing.

    A report counts only where it names our mail. Raises `CallbackUnreadable`, whatever the bytes are.
    """
    try:
        if len(_BOUNDARY.findall(raw)) > NESTING_LIMIT:
            raise ValueError("the parser would take minutes")
        mail = message_from_bytes(raw)
        if not mail.keys():
            raise ValueError("no header")
        if mail.get_content_type() == "multipart/report":
            return tuple(_receipts(mail, _instant(mail, now)))
        return () if _automatic(mail) else tuple(_replies(mail, raw, _instant(mail, now)))
    except Exception:  # the library's parser has no short list of what it raises at malformed mails
        raise CallbackUnreadable("callback.unreadable", "this is no mail that can be read") from None


def _receipts(report: _Mail, at: datetime) -> Iterator[Receipt]:
    parts = _parts(report)
    blocks = [block for part in parts if part.get_content_type() == "message/delivery-status" for block in _parts(part)]
    message_id = _returned_id(parts) or _envelope_id(blocks)
    if message_id is None:
        return
    ours = _OURS.fullmatch(message_id)
    reference = ours[2] if ours else None
    for block in blocks:
        match _header(block, "Action").lower():
            case "failed":
                status = _status(block)
                code = f"smtp_{status}" if status else "smtp_bounced"
                bad = status is not None and nobody_there(status)
                yield Receipt("failed", reference, message_id, at, code, bad)
            case "delivered" | "relayed":
                yield Receipt("delivered", reference, message_id, at)
            case _:  # `delayed`: it is still under way; a report's first block has no action
                pass


def _status(block: _Mail) -> str | None:
    """Some servers report 5.0.0 for everything, and what the other side said only in the diagnostic code."""
    status = enhanced_status(_header(block, "Status"))
    if status is None or status.endswith(".0.0"):
        diagnostic = re.match(r"smtp\s*;\s*[45]\d\d[ -](.*)", _header(block, "Diagnostic-Code"), re.IGNORECASE)
        return (enhanced_status(diagnostic[1]) if diagnostic else None) or status
    return status


def _returned_id(parts: list[_Mail]) -> str | None:
    """The Message-ID of the mail that a report gives back, whole or its headers."""
    for part in parts:
        if part.get_content_type() in ("message/rfc822", "message/rfc822-headers"):
            returned = next(iter(_parts(part)), None)
        elif part.get_content_type() == "text/rfc822-headers":
            returned = BytesHeaderParser().parsebytes(_payload(part))
        else:
            continue
        if returned is not None and _MESSAGE_ID.fullmatch(found := _header(returned, "Message-ID")):
            return found
    return None


def _envelope_id(blocks: list[_Mail]) -> str | None:
    """What `mail.py` gave the mail server as ENVID: the Message-ID without its brackets."""
    for block in blocks:
        if found := _OURS.fullmatch(_header(block, "Original-Envelope-Id")):
            return f"<{found[1]}>"
    return None


def _automatic(mail: _Mail) -> bool:
    """Whether a machine wrote it: RFC 3834, and the headers that were in use before it."""
    automatic = _header(mail, "Auto-Submitted").partition(";")[0].strip().lower()
    return (
        automatic not in ("", "no")
        or any(name in mail for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply"))
        or _header(mail, "Precedence").lower() in _MACHINES
        or _header(mail, "Return-Path") == "<>"
        or _sender(mail).lower().startswith(("mailer-daemon@", "postmaster@"))
    )


def _replies(mail: _Mail, raw: bytes, at: datetime) -> Iterator[Reply]:
    sender = _sender(mail)
    if "@" not in sender:
        return
    own_id = _header(mail, "Message-ID")
    if not _MESSAGE_ID.fullmatch(own_id):
        own_id = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    text = _storable(own_words(_text(mail)))
    if not text and not re.match(r"(?:re|rv|fw|fwd|enc|res)\s*:", subject := _decoded(mail, "Subject"), re.IGNORECASE):
        text = _storable(subject)  # people write «BAJA» there, and nothing else
    yield Reply(own_id, sender, text, answers=_answers(mail), at=at)


def _sender(mail: _Mail) -> str:
    """The address in `From`; read before it is decoded, as a name may hold anything, unless all of it was encoded."""
    written = (parseaddr(value)[1] for value in (_header(mail, "From"), _decoded(mail, "From")))
    return _storable(next((address for address in written if "@" in address), ""))[:320]


def _answers(mail: _Mail) -> str | None:
    """Our mail among those that a reply names, the newest first; else the one that it answers."""
    replied = _MESSAGE_ID.findall(_header(mail, "In-Reply-To"))
    named = [*replied, *reversed(_MESSAGE_ID.findall(_header(mail, "References")))]
    return next((name for name in named if _OURS.fullmatch(name)), next(iter(replied), None))


def _text(mail: _Mail) -> str:
    """The first plain text that says something, else the words of the first HTML."""
    leaves = list(_leaves(mail))
    plain = next((_words(leaf) for leaf in leaves if leaf.get_content_type() == "text/plain"), "")
    if plain.strip():
        return plain
    html = next((_words(leaf) for leaf in leaves if leaf.get_content_type() == "text/html"), "")
    return from_html(html)


def _leaves(mail: _Mail) -> Iterator[_Mail]:
    """The parts that the person wrote: no attachment, no mail within the mail."""
    if mail.get_content_maintype() == "message" or mail.get_content_disposition() == "attachment":
        return
    if not mail.is_multipart():
        yield mail
        return
    for part in _parts(mail):
        yield from _leaves(part)


def _words(part: _Mail) -> str:
    payload = _payload(part)
    try:
        return payload.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a character set that nobody knows
        return payload.decode("utf-8", "replace")


def _payload(part: _Mail) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _parts(mail: _Mail) -> list[_Mail]:
    return cast("list[_Mail]", mail.get_payload()) if mail.is_multipart() else []


def _header(mail: _Mail, name: str) -> str:
    """A header on one line, not decoded; empty where there is none. Longer ones than `HEADER_LIMIT` are cut."""
    return " ".join(str(mail.get(name, "")).split())[:HEADER_LIMIT]


def _decoded(mail: _Mail, name: str) -> str:
    value = _header(mail, name)
    try:
        return str(make_header(decode_header(value)))
    except (LookupError, ValueError):
        return value


def _storable(text: str) -> str:
    """Without the characters that neither a database nor a reader can use."""
    kept = "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
    return kept[:TEXT_LIMIT].strip()


def _instant(mail: _Mail, now: datetime) -> datetime:
    try:
        written = parsedate_to_datetime(_header(mail, "Date"))
        written = written.replace(tzinfo=UTC) if written.tzinfo is None else written.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return now
    return written if now - BELIEVED < written <= now else now


def _waiting(folder: Path) -> list[Path]:
    new = folder / "new"
    if not new.is_dir():
        raise SendaError("mailbox.missing", "the mailbox is no Maildir: it has no folder `new`")
    return sorted(path for path in new.iterdir() if not path.name.startswith("."))


def _mark(path: Path, folder: Path, flags: str) -> None:
    (folder / "cur").mkdir(exist_ok=True)
    try:
        path.rename(folder / "cur" / f"{path.name.partition(':')[0]}:2,{flags}")
    except FileNotFoundError:  # somebody else was quicker
        return


def _require_signature(callback: Callback, secret: str, now: datetime) -> None:
    """As the Standard Webhooks specification says; its library takes text only, and a mail need not be UTF-8."""
    identity, stamp, signatures = (callback.headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature"))
    if not (identity and stamp and signatures):
        raise CallbackRefused(
            "callback.signature_missing", "send webhook-id, webhook-timestamp and webhook-signature with the mail"
        )
    signed = f"{identity}.{stamp}.".encode("utf-8", "replace") + callback.body
    key = base64.b64decode(secret.removeprefix("whsec_") + "==")
    expected = b"v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    if not any(hmac.compare_digest(one.encode("utf-8", "replace"), expected) for one in signatures.split()):
        raise CallbackRefused("callback.signature_invalid", "the signature does not fit the mail: check the secret")
    if not re.fullmatch(r"\d{1,11}", stamp, re.ASCII) or abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise CallbackRefused("callback.too_old", "the mail was signed more than five minutes from now: sign it anew")
