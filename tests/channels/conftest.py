"""Fixtures of the channels' tests: a real SMTP server, and a permit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ledger.permits import Permit
from senda.sandbox.smtp import serve_smtp
from senda.sandbox.store import Filter, Store


@dataclass(frozen=True)
class Server:
    """A running SMTP server; `store` holds what arrived."""

    port: int
    store: Store

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def arrived(self) -> list[bytes]:
        """The messages as they came in, oldest first."""
        arrivals = self.store.page(Filter(), before=None, limit=500)
        return [self.store.raw(arrival.id) for arrival in reversed(arrivals)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    with closing(Store(tmp_path / "sandbox")) as store:
        smtp = await serve_smtp(store, "127.0.0.1", 0)
        yield Server(smtp.sockets[0].getsockname()[1], store)
        smtp.close()


@pytest.fixture
def permit() -> Permit:
    """A permit for a debtor who is five days past due."""
    return Permit(
        contact_id=1,
        key="journey:amable:CR-1:1:aviso-5:2026-02-01",
        channel="email",
        address="ana@correo.invalid",
        language="es",
        name="Ana Lucía Gómez",
        creditor_name="Crédito Amable",
        account="CR-1",
        currency="COP",
        balance=Decimal("350000"),
        past_due=Decimal("185000.50"),
        due_date=date(2026, 2, 1),
        days_past_due=5,
        stage="administrative",
        template="overdue",
        tone="friendly",
    )


@pytest.fixture
async def unused_port() -> int:
    """A port on which nobody listens."""
    listening = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port: int = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    return port
