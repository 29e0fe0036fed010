"""The SMTP side of the sandbox: takes every message, but for recipients made for testing failures.

| recipient | what happens |
|---|---|
| `…@reject.invalid` | refused for good: 550 |
| `…@tempfail.invalid` | refused for now: 451 |
| `…@hang.invalid` | the message is not kept and never answered: the client runs into its timeout |
| `…@lost.invalid` | the message is kept, and the connection cut before the answer: the sender cannot know |
"""

import asyncio

from aiosmtpd.smtp import SMTP, Envelope, Session

from senda.sandbox.store import Store

SIZE_LIMIT = 25 * 1024 * 1024
"""Bytes of a message; a larger one is answered with 552. What large providers take."""

_REFUSALS = {
    "reject.invalid": "550 5.1.1 No such mailbox here",
    "tempfail.invalid": "451 4.3.0 Try again later",
}


class _Server(SMTP):
    line_length_limit = SIZE_LIMIT  # mail with long lines is against the rules and common


class Mailbox:
    """What aiosmtpd calls for each recipient and each message."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := _REFUSALS.get(_domain(address)):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        domains = {_domain(address) for address in envelope.rcpt_tos}
        if "hang.invalid" in domains:
            await asyncio.Event().wait()
        content = envelope.original_content or b""
        message_id = self._store.add(envelope.mail_from or "", envelope.rcpt_tos, content)
        if "lost.invalid" in domains and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return f"250 OK kept as {message_id}"


async def serve_smtp(store: Store, host: str, port: int) -> asyncio.Server:
    """Listen on the port; the returned server is to be closed."""
    loop = asyncio.get_running_loop()
    mailbox = Mailbox(store)

    def connection() -> SMTP:
        return _Server(mailbox, hostname="sandbox.invalid", data_size_limit=SIZE_LIMIT, enable_SMTPUTF8=True, loop=loop)

    return await loop.create_server(connection, host, port)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
