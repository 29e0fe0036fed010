"""A running sandbox on free ports, and a double of the product to which it posts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from senda.sandbox.serve import Ports, Running, running
from tests.eventually import assert_eventually
from tests.sandbox.product import Product, listening

ANA = "+573000000101"
AT = "/2010-04-01/Accounts"


@dataclass
class World:
    """A sandbox, the product, and a client of the sandbox."""

    running: Running
    product: Product
    web: httpx.AsyncClient

    async def sms(self, to: str = ANA, body: str = "Su cuota vence mañana.", **more: str) -> httpx.Response:
        """Twilio's API, as the product uses it."""
        account = self.product.accounts.twilio
        form = {"To": to, "From": account.number, "Body": body, "StatusCallback": f"{self.product.url}/twilio/status/7"}
        return await self.web.post(
            f"/twilio{AT}/{account.account_sid}/Messages.json",
            data=form | more,
            auth=(account.account_sid, account.auth_token),
        )

    async def call(self, to: str = ANA, **more: Any) -> httpx.Response:
        account = self.product.accounts.twilio
        form = {"To": to, "From": account.number, "Url": f"{self.product.url}/twilio/answer/8"}
        form |= {"StatusCallback": f"{self.product.url}/twilio/status/8"}
        return await self.web.post(
            f"/twilio{AT}/{account.account_sid}/Calls.json",
            data=form | more,
            auth=(account.account_sid, account.auth_token),
        )

    async def whatsapp(self, content: dict[str, Any], to: str = ANA, **more: Any) -> httpx.Response:
        account = self.product.accounts.meta
        body = {"messaging_product": "whatsapp", "to": to.removeprefix("+"), "biz_opaque_callback_data": "9"}
        return await self.web.post(
            f"/meta/v23.0/{account.phone_number_id}/messages",
            json=body | content,
            headers={"Authorization": f"Bearer {account.token}"},
            **more,
        )

    async def aggregator(self, to: str = ANA, text: str = "Su cuota vence mañana.", **more: Any) -> httpx.Response:
        account = self.product.accounts.aggregator
        return await self.web.post(
            "/aggregator/messages",
            json={"to": to, "text": text, "reference": "10"},
            headers={"Authorization": f"Bearer {account.token}"},
            **more,
        )

    async def arrivals(self, **filters: str) -> list[dict[str, Any]]:
        return (await self.web.get("/inbox", params=filters)).json()["items"]

    async def order(self, path: str, **order: Any) -> dict[str, Any]:
        answer = await self.web.post(path, json=order)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def heard(self, path: str, count: int) -> list[Any]:
        """What came to a path of the product, once there are that many."""

        async def enough() -> list[Any]:
            bodies = self.product.at(path)
            assert len(bodies) == count
            return bodies

        return await assert_eventually(enough)

    async def settled(self) -> list[dict[str, Any]]:
        """All deliveries, once none is under way."""

        async def none_pending() -> list[dict[str, Any]]:
            told = (await self.web.get("/control/callbacks")).json()
            assert told["pending"] == 0
            return told["items"]

        return await assert_eventually(none_pending)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with listening(Product()) as product:
        doors = {"twilio": 0}
        async with running(tmp_path, product.sandbox_accounts(), "127.0.0.1", Ports(0, 0, doors)) as started:
            url = f"http://127.0.0.1:{started.ports.http}"
            async with httpx.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=5) as web:
                yield World(started, product, web)
        assert product.refused == []
