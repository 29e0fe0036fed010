"""The channel `email`: SMTP, with a few connections kept open."""

import asyncio
import hashlib
import ipaddress
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formataddr, formatdate, parseaddr
from time import monotonic
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP
from aiosmtplib.errors import (
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from channels.callbacks import Callback, CallbackRefused, Heard
from channels.mail_back import enhanced_status, nobody_there, read_posted
from channels.message import BadAddress, Line, Message, NotNow, Rejected, Uncertain, Unreachable
from policy.errors import SendaError

TIMEOUT = 8.0
"""Seconds for opening a line, and again for handing over a message; together below the activity's own limit."""

ALIVE = 1.0
"""Seconds in which a kept connection must show that it is alive."""

FRESH = 15.0
"""Seconds for which a connection that was just used is taken to be alive without asking."""

SIZE_LIMIT = 10 * 1024 * 1024
"""Bytes of a mail as it leaves."""

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
"""The schemes of a mail server's address, and the port where it names none."""

_ADDRESS = re.compile(r"[\w!#$%&'*+/=?^`{|}~.-]{1,64}@(?:[a-z0-9-]{1,63}\.)*[a-z0-9-]{1,63}", re.ASCII | re.IGNORECASE)
_LINK = re.compile(r"https?://[!-;=?-~]{1,900}")  # printable ASCII but < and >
_Mime: TypeAlias = MIMEText | MIMEMultipart


class Mail:
    """Sends through one SMTP server, and reads what comes back (`channels/mail_back.py`).

    `url`: `smtp://host:port` (STARTTLS where offered), `smtp+starttls://` (STARTTLS or nothing) or `smtps://`, with
    `user:password@` where the server wants a login; it never goes over a clear line, but to this machine. Certificates
    are verified, by `tls_context` where one is given. `sender`: the address that mails come from, with or without a
    name. `secret`: what mails that come back over HTTP are signed with. Raises `mail.bad_url`, `mail.bad_sender`.
    """

    channel = "email"

    def __init__(
        self,
        url: str,
        sender: str,
        *,
        connections: int = 8,
        key: str = "email",
        reply_to: str | None = None,
        secret: str | None = None,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        try:
            parts = urlsplit(url)
            self._port = parts.port or PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise SendaError("mail.bad_url", f"a mail server's address begins with {', '.join(PORTS)}://") from None
        if "@" not in parseaddr(sender)[1]:
            raise SendaError("mail.bad_sender", "the sender of mails must be an e-mail address, with or without a name")
        self.key = key
        self._scheme, self._host = parts.scheme, parts.hostname or "localhost"
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password or "")
        self._from = sender
        self._reply_to = reply_to
        self._secret = secret
        self._tls_context = tls_context
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
                yield _SmtpLine(smtp, self._from, self._reply_to)
            except Rejected:
                raise
            except BaseException:  # it may have stopped in the midst of a command
                smtp.close()
                raise
            finally:
                if smtp.is_connected:
                    self._idle.append((smtp, monotonic()))
                else:
                    smtp.close()

    def read(self, callback: Callback) -> Heard:
        """A mail that came back: `channels.mail_back.read_posted`. Raises `CallbackRefused`, `CallbackUnreadable`."""
        if self._secret is None:
            raise CallbackRefused("callback.signature_missing", "no secret is set for mails that come back over HTTP")
        return read_posted(callback, self._secret, datetime.now(UTC))

    async def close(self) -> None:
        """Close the connections that are kept."""
        while self._idle:
            self._idle.pop()[0].close()

    def _new(self) -> SMTP:
        return SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._scheme == "smtps",
            start_tls=False,  # `_secure` does it
            tls_context=self._tls_context,
            timeout=TIMEOUT,
        )

    async def _connect(self, smtp: SMTP) -> None:
        try:
            if smtp.is_connected:
                await smtp.noop(timeout=ALIVE)  # the server may have closed an idle connection
                return
        except (SMTPException, OSError):
            smtp.close()
        try:
            async with asyncio.timeout(TIMEOUT):
                await smtp.connect()
                await self._secure(smtp)
        except BaseException as error:
            smtp.close()
            if isinstance(error, SMTPException | OSError):  # a timeout is an OSError
                raise self._unreachable(_reason(error)) from error
            raise

    async def _secure(self, smtp: SMTP) -> None:
        """Encrypt the line and log in, as far as the address asks for it."""
        encrypted = self._scheme == "smtps"
        await smtp.ehlo()
        if not encrypted and smtp.supports_extension("starttls"):
            await smtp.starttls()
            await smtp.ehlo()  # what was said before over the clear line does not count (RFC 3207)
            encrypted = True
        if not encrypted and self._scheme == "smtp+starttls":
            raise self._unreachable("offers no STARTTLS, which its address asks for")
        if self._user is None:
            return
        if not encrypted and not _is_this_machine(self._host):
            raise self._unreachable("offers no encryption: the password is not sent over a clear line")
        await smtp.login(self._user, self._password)

    def _unreachable(self, why: str) -> Unreachable:
        return Unreachable(f"the mail server at {self._host}:{self._port} {why}")


class _SmtpLine:
    def __init__(self, smtp: SMTP, sender: str, reply_to: str | None) -> None:
        self._smtp = smtp
        self._sender = sender
        self._reply_to = reply_to

    async def send(self, message: Message) -> str:
        """One message in one SMTP transaction; the reference is its Message-ID, which follows from the key."""
        address = _envelope_address(message.to)
        try:
            mail = _compose(message, address, self._sender, self._reply_to)
            content = mail.as_bytes()
        except (ValueError, MessageError):  # characters that no header can carry
            raise Rejected("email_unusable") from None
        if len(content) > SIZE_LIMIT:
            raise Rejected("email_too_long")
        message_id = str(mail["Message-ID"])
        deadline = asyncio.get_running_loop().time() + TIMEOUT
        await self._offer(address, message_id, deadline)
        await self._hand_over(content, deadline)
        return message_id

    async def _offer(self, address: str, message_id: str, deadline: float) -> None:
        options: list[str] = []
        if self._smtp.supports_extension("dsn"):  # RFC 3461: bounces bring the id back, and not the text
            options = ["RET=HDRS", f"ENVID={message_id.strip('<>')}"]
        try:
            async with asyncio.timeout_at(deadline):
                await self._smtp.mail(parseaddr(self._sender)[1], options=options)
                await self._smtp.rcpt(address)
        except SMTPResponseException as error:
            if not _is_answer(error):
                self._smtp.close()
                raise NotNow("smtp_line_lost") from None
            await self._reset()
            raise _refusal(error) from None  # the provider's own words may hold the address
        except (SMTPException, OSError):
            self._smtp.close()
            raise NotNow("smtp_line_lost") from None

    async def _hand_over(self, content: bytes, deadline: float) -> None:
        try:
            async with asyncio.timeout_at(deadline):
                await self._smtp.data(content)
        except SMTPResponseException as error:
            if not _is_answer(error):
                self._smtp.close()
                raise Uncertain("the mail server's answer to the message makes no sense") from None
            await self._reset()
            raise _refusal(error) from None
        except (SMTPException, OSError):
            self._smtp.close()
            raise Uncertain("the line broke while the message was handed over") from None

    async def _reset(self) -> None:
        try:
            await self._smtp.rset(timeout=ALIVE)
        except (SMTPException, OSError):
            self._smtp.close()


def _is_answer(error: SMTPResponseException) -> bool:
    """Whether the server said no; anything else is no answer of the protocol."""
    return 400 <= error.code < 600


def _refusal(error: SMTPResponseException) -> Rejected:
    code = f"smtp_{error.code}"
    if error.code < 500:
        return NotNow(code)
    if isinstance(error, SMTPRecipientRefused):
        status = enhanced_status(error.message)
        if nobody_there(status) if status else error.code in (550, 551, 553):
            return BadAddress(code)
    return Rejected(code)


def _reason(error: Exception) -> str:
    if isinstance(error, SMTPAuthenticationError):
        return "refuses the login"
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return "cannot be trusted: its certificate does not fit, or it speaks no TLS"
    return "does not answer as one does"


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _envelope_address(to: str) -> str:
    """The address for SMTP, a domain in foreign letters in its ASCII form (RFC 5890)."""
    name, at, domain = to.strip().rpartition("@")
    try:
        address = f"{name}{at}{domain.encode('idna').decode()}"
    except UnicodeError:
        address = ""
    if len(address) > 254 or not _ADDRESS.fullmatch(address):
        raise BadAddress("address_unusable")
    return address


def _compose(message: Message, to: str, sender: str, reply_to: str | None) -> _Mime:
    name, address = parseaddr(sender)
    mail = _body(message)
    mail["From"] = _mailbox(message.sender or name, address)
    mail["To"] = to
    if reply_to:
        mail["Reply-To"] = _mailbox(*parseaddr(reply_to))
    mail["Subject"] = Header(_one_line(message.subject), "utf-8").encode()
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{_identity(message)}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.stop_link is not None:  # RFC 8058
        if not _LINK.fullmatch(message.stop_link):
            raise ValueError("a link that no header can carry")
        mail["List-Unsubscribe"] = f"<{message.stop_link}>"
        mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return mail


def _body(message: Message) -> _Mime:
    plain = MIMEText(message.text, "plain", "utf-8")
    if not message.html:
        return plain
    both = MIMEMultipart("alternative")
    both.attach(plain)
    both.attach(MIMEText(message.html, "html", "utf-8"))
    return both


def _identity(message: Message) -> str:
    digest = hashlib.sha256(message.key.encode()).hexdigest()
    return f"{digest[:32]}.{message.reference}" if message.reference else digest[:40]


def _mailbox(name: str, address: str) -> str:
    """A name and an address for a header; a name beyond ASCII in encoded words (RFC 2047)."""
    name = _one_line(name)
    return formataddr((name, address)) if name.isascii() else f"{Header(name, 'utf-8').encode()} <{address}>"


def _one_line(value: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())
