"""Fixtures of the tests that take processors' events into a ledger."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from api import processors
from api.context import Parts
from api.problems import install
from channels.processors.kinds import Processors
from channels.providers import Providers
from ledger.database import Ledger
from tests.ledger.given import Given
from tests.processors.signed import Server, mercadopago_at, stripe_at, wompi_at


@pytest.fixture
async def given(ledger: Ledger) -> Given:
    """A creditor of the test's own, with its playbook, at the start of the test clock."""
    return await Given(ledger).set_up()


class Engine:
    """Hears nothing: the outbox keeps what it must be told."""

    async def tell(self, told: object) -> bool:
        return False


class Webhooks:
    """The API's webhooks over processors of the test's own; `mp` is what Mercado Pago answers."""

    def __init__(self, ledger: Ledger, given: Given) -> None:
        self.mp = Server()
        built = {"tarjetas": stripe_at(), "wompi": wompi_at(), "mp": mercadopago_at(self.mp), "ajeno": stripe_at()}
        known = Processors(built, {"ajeno": ["otro-acreedor"]})
        app = FastAPI()
        install(app)
        app.include_router(processors.router)
        parts = Parts(ledger, cast("Any", Engine()), known, Providers({}, {}), None, "https://senda.example")
        app.state.parts = parts
        self.given = given
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://senda.example")

    async def hear(self, key: str, callback: Any) -> httpx.Response:
        """A processor's callback comes."""
        return await self.http.post(
            f"/v1/webhooks/payments/{key}", content=callback.body, headers=callback.headers, params=callback.query
        )

    async def events(self, key: str, event: str) -> list[dict[str, Any]]:
        """What is recorded of an event."""
        return await self.given.all(
            "SELECT type, code, data, waits_for FROM processor_events WHERE processor = %s AND event_id = %s",
            key,
            event,
        )


@pytest.fixture
async def webhooks(ledger: Ledger, given: Given) -> AsyncIterator[Webhooks]:
    opened = Webhooks(ledger, given)
    async with opened.http:
        yield opened
