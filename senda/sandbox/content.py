"""What a raw mail says: its headers and bodies, however badly it is made.

The classic interface of `email` is used throughout: the newer one parses every header by its grammar, which
takes ten times as long, and a page of the sandbox shows hundreds of mails.
"""

from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from typing import TypeAlias

Mail: TypeAlias = "Message[str, str]"


@dataclass(frozen=True)
class Content:
    """A parsed mail; `text` and `html` are None where there is none, a repeated header has several lines."""

    text: str | None
    html: str | None
    headers: dict[str, str]
    attachments: tuple[str, ...]


def headers_of(raw: bytes) -> tuple[str, str]:
    """The decoded subject and the Message-ID; empty where there is none."""
    headers = BytesHeaderParser().parsebytes(raw)
    return _decoded(headers.get("Subject", "")), _decoded(headers.get("Message-ID", ""))


def parse(raw: bytes) -> Content:
    mail = message_from_bytes(raw)
    headers: dict[str, str] = {}
    for name, value in mail.items():
        decoded = _decoded(value)
        headers[name] = f"{headers[name]}\n{decoded}" if name in headers else decoded
    leaves = [part for part in mail.walk() if not part.is_multipart()]
    bodies = [part for part in leaves if part.get_content_disposition() != "attachment"]
    return Content(
        text=_first(bodies, "text/plain"),
        html=_first(bodies, "text/html"),
        headers=headers,
        attachments=tuple(
            _decoded(part.get_filename() or part.get_content_type()) for part in leaves if part not in bodies
        ),
    )


def _first(bodies: list[Mail], kind: str) -> str | None:
    part = next((part for part in bodies if part.get_content_type() == kind), None)
    if part is None:
        return None
    payload = part.get_payload(decode=True)
    text = payload if isinstance(payload, bytes) else b""
    try:
        return text.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # a character set that nobody knows
        return text.decode("utf-8", "replace")


def _decoded(value: object) -> str:
    unfolded = " ".join(str(value).split())
    try:
        return str(make_header(decode_header(unfolded)))
    except (LookupError, ValueError):
        return unfolded
