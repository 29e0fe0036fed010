"""SMS by a generic HTTP provider that only the configuration describes: out, receipts, replies."""

import asyncio

from tests.channels_e2e.driving import LAST4, STEP_1, STEP_2, Person, World, minutes_after
from tests.eventually import assert_eventually

LOCAL = "-agregador"


async def test_a_step_leaves_and_receipts_and_replies_come_back(world: World) -> None:
    debtor = await world.debtor("sms", "email", suffix=LOCAL)
    message = await debtor.message("sms")
    assert (message["provider"], message["raw"]["reference"]) == ("aggregator", message["reference"])
    assert "$125.000" in message["text"]
    contact = await debtor.becomes("delivered", step="aviso-1")
    (row,) = await world.api.rows("SELECT provider FROM contacts WHERE id = %s", contact["id"])
    assert (row["provider"], message["reference"]) == ("sms-local", str(contact["id"]))
    assert "documento" in (await debtor.answers("sms", text="saldo"))["text"]
    assert "Cuenta A: saldo de $125.000" in (await debtor.answers("sms", text=LAST4))["text"]
    assert {each["provider"] for each in await debtor.got("sms")} == {"aggregator"}
    await debtor.writes("sms", "PARAR")
    assert await debtor.authorised() == ["email"]
    await debtor.creditor.advances(STEP_2)
    assert (await debtor.contact(step="aviso-9"))["channel"] == "email"


async def test_dead_numbers_are_not_used_again(world: World) -> None:
    refused, dead = await asyncio.gather(
        *(world.debtor("sms", "email", suffix=LOCAL, person=Person.failing(ending)) for ending in ("0404", "0035"))
    )
    assert await refused.invalid() == [("sms", "aggregator_invalid_number")]

    async def is_known() -> None:
        assert await dead.invalid() == [("sms", "aggregator_unknown_number")]

    await assert_eventually(is_known)
    await dead.creditor.advances(minutes_after(STEP_1, 5))
    for debtor in (refused, dead):
        assert [(each["channel"], each["status"]) for each in await debtor.contacts(step="aviso-1")] == [
            ("sms", "failed"),
            ("email", "sent"),
        ]


async def test_what_somebody_writes_to_one_number_of_the_creditors_is_heard_for_that_number(world: World) -> None:
    """Twilio's callbacks are not about people whose creditor uses the other provider."""
    debtor = await world.debtor("sms", suffix=LOCAL)
    twilios = Person(number=debtor.person.number)
    (other,) = (await world.written_to(["sms"], twilios))[1]
    (mine,) = [each for each in await debtor.got("sms") if each["provider"] == "aggregator"]
    await world.sandbox.does(f"/inbox/{mine['id']}/reply", text="STOP")
    assert await debtor.authorised() == []
    assert await other.authorised() == ["sms"]
