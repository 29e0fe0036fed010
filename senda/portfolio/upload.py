"""Streaming lines of NDJSON into the API and following the import to its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from policy.errors import SendaError
from senda.client import ImportStatus, SendaClient

CHUNK_BYTES = 256 * 1024
POLL_SECONDS = 0.5


async def upload(
    client: SendaClient, creditor: str, lines: Iterable[bytes], watch: Callable[[ImportStatus], None]
) -> ImportStatus:
    """Send the lines and wait until the import is done; `watch` sees every status on the way.

    Raises `SendaError` with code `import.failed` when the API gives the import up.
    """
    status = await client.start_import(creditor, _chunks(lines))
    while True:
        status = await client.import_status(status.import_id)
        watch(status)
        if status.status == "done":
            return status
        if status.status == "failed":
            text = f"the import {status.import_id} failed after {status.accepted} rows; import the file again"
            raise SendaError("import.failed", text)
        await asyncio.sleep(POLL_SECONDS)


async def _chunks(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    chunk = bytearray()
    for line in lines:
        chunk += line
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
            await asyncio.sleep(0)  # reading the file must not starve the connection
    if chunk:
        yield bytes(chunk)
