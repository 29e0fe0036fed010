"""The SMTP side of the sandbox: takes every message, but for recipients made for testing failures (see faults.py).

A fault for the whole provider: 429 is 450 and 503 is 421 after MAIL, 500 is 451 after the message, of which nothing is
kept; timeout, drop and slow as everywhere; refuse is the closed door in front of this port.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from aiosmtpd.smtp import SMTP, Envelope, Session

from senda.sandbox.faults import NO_FAULT, Fault, Faults
from senda.sandbox.store import Store

SIZE_LIMIT = 25 * 1024 * 1024
"""Bytes of a message; a larger one is answered with 552. What large providers take."""

_REFUSALS = {
    "reject.invalid": "550 5.1.1 No such mailbox here",
    "tempfail.invalid": "451 4.3.0 Try again later",
}
_NOT_NOW = {"429": "450 4.7.1 Too many messages, try again later", "503": "421 4.3.2 Service not available"}

Kept = Callable[[int], None]
"""Told of each message that is kept."""


class _Server(SMTP):
    line_length_limit = SIZE_LIMIT  # mail with long lines is against the rules and common


class Mailbox:
    """What aiosmtpd calls for each sender, each recipient and each message."""

    def __init__(self, store: Store, faults: Faults, kept: Kept | None) -> None:
        self._store, self._faults, self._kept = store, faults, kept
        self._struck: WeakKeyDictionary[Envelope, Fault] = WeakKeyDictionary()

    async def handle_MAIL(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = self._faults.take("smtp")
        if refusal := _NOT_NOW.get(fault.mode):
            return refusal
        self._struck[envelope] = fault
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := _REFUSALS.get(_domain(address)):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        domains = {_domain(address) for address in envelope.rcpt_tos}
        fault = self._struck.get(envelope, NO_FAULT)
        if fault.mode == "timeout" or "hang.invalid" in domains:
            await asyncio.Event().wait()
        if fault.mode == "500":
            return "451 4.3.0 Local error in processing"
        content = envelope.original_content or b""
        message_id = self._store.add(envelope.mail_from or "", envelope.rcpt_tos, content)
        if self._kept:
            self._kept(message_id)
        if fault.mode == "slow":
            await asyncio.sleep(fault.seconds)
        if (fault.mode == "drop" or "lost.invalid" in domains) and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return f"250 OK kept as {message_id}"


async def serve_smtp(
    store: Store, host: str, port: int, *, faults: Faults | None = None, kept: Kept | None = None
) -> asyncio.Server:
    """Listen on the port; the returned server is to be closed."""
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(store, faults or Faults(), kept)

    def connection() -> SMTP:
        return _Server(mailbox, hostname="sandbox.invalid", data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True, loop=loop)

    return await loop.create_server(connection, host, port)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
