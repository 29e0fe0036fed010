"""From a payment link to a journey at rest: what is paid at the sandbox ends the contacts, a chargeback brings them."""

from datetime import timedelta
from typing import Any

import httpx

from tests.api.calls import Creditor, plain
from tests.channels_e2e.driving import STEP_1, STEP_2, World


async def pays(creditor: Creditor, url: str, **order: Any) -> None:
    async with httpx.AsyncClient(transport=plain(), timeout=30) as browser:
        answer = await browser.post(url, json=order)
    assert answer.json()["status"] == 200, answer.text


async def test_a_link_that_is_paid_ends_the_journey_and_a_chargeback_opens_it_again(world: World) -> None:
    debtor = await world.debtor("email")
    creditor = debtor.creditor
    await creditor.advances(STEP_1)
    asked = await creditor.api.http.post(f"/v1/accounts/{creditor.key}/{debtor.account}/payment-links", json={})
    assert asked.status_code == 201, asked.text
    await pays(creditor, asked.json()["url"], how="all", paid_at=STEP_1.isoformat())
    await creditor.advances(STEP_2)
    journey = await creditor.get(debtor.account)
    assert (journey["status"], journey["outcome"]) == ("closed", "paid")
    assert [contact["step"] for contact in await debtor.contacts()] == ["aviso-1"]

    [payment] = await creditor.api.rows("SELECT external_id FROM payments WHERE creditor = %s", creditor.key)
    back = f"{creditor.api.stack.sandbox}/payments/{payment['external_id']}/back"
    await pays(creditor, back, kind="chargeback", paid_at=STEP_2.isoformat())
    await creditor.advances(STEP_2 + timedelta(days=1))
    journey = await creditor.get(debtor.account)
    assert (journey["status"], journey["balance"]["amount"]) == ("active", "125000.00")


async def test_a_payment_that_is_told_twice_counts_once(world: World) -> None:
    debtor = await world.debtor("email")
    creditor = debtor.creditor
    await world.sandbox.http.put("/control/callbacks/payments", json={"mode": "repeat"})
    asked = await creditor.api.http.post(f"/v1/accounts/{creditor.key}/{debtor.account}/payment-links", json={})
    await pays(creditor, asked.json()["url"], how="part", amount="25000", paid_at=STEP_1.isoformat())
    assert (await creditor.get(debtor.account))["balance"]["amount"] == "100000.00"
