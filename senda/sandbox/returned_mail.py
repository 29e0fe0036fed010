"""Mails that come back: a person's answer, and the report of a mail server. Pure.

All are 7-bit, so that the body of a callback is text. Sources: RFC 5322 (3.6.4), RFC 3464, RFC 6522.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from senda.sandbox.content import Content
from senda.sandbox.entries import Entry

HOST = "sandbox.invalid"

_DIAGNOSES = {
    "5.1.1": "550 5.1.1 No such mailbox here",
    "4.2.2": "452 4.2.2 Mailbox full",
    "5.7.1": "550 5.7.1 Message refused",
}


def reply(entry: Entry, content: Content, text: str) -> bytes:
    """The answer of the one who got a mail, below it the quoted original."""
    headers = content.headers
    subject = headers.get("Subject", "")
    quoted = "\n".join(f"> {line}" for line in (content.text or "").splitlines())
    origin = f"El {entry.at:%d/%m/%Y} a las {entry.at:%H:%M}, {headers.get('From', '')} escribió:"
    return written(
        entry.address,
        parseaddr(headers.get("Reply-To") or headers.get("From", ""))[1],
        subject if subject.lower().startswith("re:") else f"Re: {subject}",
        f"{text}\n\n{origin}\n{quoted}\n",
        {"In-Reply-To": entry.ref, "References": f"{headers.get('References', '')} {entry.ref}".strip()},
    )


def written(sender: str, to: str, subject: str, text: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A plain mail of a person."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    mail["Date"] = _now()
    mail["Message-ID"] = make_msgid(domain=HOST)
    for name, value in (headers or {}).items():
        if value:
            mail[name] = value
    mail.set_content(text, cte="base64")
    return mail.as_bytes()


def report(entry: Entry, raw: bytes, status: str, to: str) -> bytes:
    """What a mail server tells the sender `to` of a mail: RFC 3464 with the status (2.x.x delivered, 4.x.x, 5.x.x)."""
    delivered = status.startswith("2")
    diagnosis = _DIAGNOSES.get(status, f"{'250' if delivered else '550'} {status} {'OK' if delivered else 'Failed'}")
    mail = MIMEMultipart("report", report_type="delivery-status")
    mail["From"] = f"Mail Delivery System <MAILER-DAEMON@{HOST}>"
    mail["To"] = to
    mail["Subject"] = "Successful Mail Delivery Report" if delivered else "Undelivered Mail Returned to Sender"
    mail["Date"] = _now()
    mail["Message-ID"] = make_msgid(domain=HOST)
    mail["Auto-Submitted"] = "auto-replied"
    mail["Return-Path"] = "<>"
    mail.attach(
        MIMEText(f"This is the mail system at host {HOST}.\n\n<{entry.address}>: {diagnosis}\n", "plain", "utf-8")
    )
    mail.attach(_delivery_status(entry, status, diagnosis))
    original = MIMENonMultipart("text", "rfc822-headers")
    headers = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    original.set_payload(headers.decode("ascii", "replace").encode("ascii", "replace").decode() + "\n")
    mail.attach(original)
    return mail.as_bytes(policy=SMTP)


def _delivery_status(entry: Entry, status: str, diagnosis: str) -> Message:
    of_message, of_recipient = Message(), Message()
    of_message["Reporting-MTA"] = f"dns; {HOST}"
    of_message["Arrival-Date"] = format_datetime(entry.at)
    of_recipient["Original-Recipient"] = f"rfc822;{entry.address}"
    of_recipient["Final-Recipient"] = f"rfc822;{entry.address}"
    of_recipient["Action"] = "delivered" if status.startswith("2") else "failed"
    of_recipient["Status"] = status
    of_recipient["Remote-MTA"] = f"dns; {HOST}"
    of_recipient["Diagnostic-Code"] = f"smtp; {diagnosis}"
    part = Message()
    part["Content-Type"] = "message/delivery-status"
    part.set_payload([of_message, of_recipient])
    return part


def _now() -> str:
    return format_datetime(datetime.now(UTC))
