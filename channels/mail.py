"""The channel `email`: SMTP, with a few connections kept open."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from email.errors import MessageError
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate, parseaddr
from time import monotonic
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from channels.message import Line, Message, Rejected, Uncertain, Unreachable

TIMEOUT = 8.0
"""Seconds for each command; well below the activity's own limit."""

FRESH = 15.0
"""Seconds for which a connection that was just used is taken to be alive without asking."""


class Mail:
    """Sends through one SMTP server. `url`: smtp://host:port (STARTTLS where offered) or smtps://user:password@host."""

    def __init__(self, url: str, sender: str, *, connections: int = 8) -> None:
        parts = urlsplit(url)
        self._host, self._tls = parts.hostname or "localhost", parts.scheme == "smtps"
        self._port = parts.port or (465 if self._tls else 25)
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = sender
        self._idle: list[tuple[SMTP, float]] = []
        self._free = asyncio.Semaphore(connections)

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """An open connection; kept for the next message unless it broke."""
        async with self._free:
            smtp, used = self._idle.pop() if self._idle else (self._new(), 0.0)
            if not smtp.is_connected or monotonic() - used > FRESH:
                await self._connect(smtp)
            try:
                yield _SmtpLine(smtp, self._sender)
            finally:
                if smtp.is_connected:
                    self._idle.append((smtp, monotonic()))
                else:
                    smtp.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop()[0].close()

    def _new(self) -> SMTP:
        return SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._tls,
            username=self._user,
            password=self._password,
            timeout=TIMEOUT,
        )

    async def _connect(self, smtp: SMTP) -> None:
        try:
            if smtp.is_connected:
                await smtp.noop()  # the server may have closed an idle connection
                return
        except (SMTPException, OSError):
            smtp.close()
        try:
            await smtp.connect()
        except (SMTPConnectError, SMTPException, OSError, TimeoutError) as error:
            smtp.close()
            raise Unreachable(f"the mail server at {self._host}:{self._port} does not answer") from error


class _SmtpLine:
    def __init__(self, smtp: SMTP, sender: str) -> None:
        self._smtp = smtp
        self._sender = sender

    async def send(self, message: Message) -> str:
        """One message in one SMTP transaction; the reference is its Message-ID, which follows from the key."""
        mail = _compose(message, self._sender)
        try:
            content = mail.as_bytes()
            await self._smtp.mail(parseaddr(self._sender)[1])
            await self._smtp.rcpt(message.to)
        except SMTPResponseException as error:
            await self._reset()
            raise Rejected(f"smtp_{error.code}") from error
        except (SMTPException, OSError) as error:
            self._smtp.close()
            raise Rejected("smtp_line_lost") from error
        except (ValueError, MessageError) as error:  # characters that neither a header nor the envelope can carry
            await self._reset()
            raise Rejected("address_unusable") from error
        try:
            await self._smtp.data(content)
        except (SMTPServerDisconnected, SMTPTimeoutError, OSError) as error:
            self._smtp.close()
            raise Uncertain("the line broke while the message was handed over") from error
        except SMTPResponseException as error:
            await self._reset()
            raise Rejected(f"smtp_{error.code}") from error
        return str(mail["Message-ID"])

    async def _reset(self) -> None:
        try:
            await self._smtp.rset()
        except (SMTPException, OSError):
            self._smtp.close()


def _compose(message: Message, sender: str) -> MIMEMultipart:
    mail = MIMEMultipart("alternative")
    mail["From"] = sender
    mail["To"] = message.to
    mail["Subject"] = Header(message.subject, "utf-8").encode()
    mail["Date"] = formatdate()
    domain = parseaddr(sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:40]}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.attach(MIMEText(message.text, "plain", "utf-8"))
    mail.attach(MIMEText(message.html, "html", "utf-8"))
    return mail
