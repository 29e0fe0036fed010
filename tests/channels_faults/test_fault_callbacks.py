"""A storm of callbacks: twice, shuffled, from several connections at once, with replies among them."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest

from activities.contacting import Contacting
from ledger import inbound
from ledger.database import Ledger
from ledger.outcomes import record_outcome
from ledger.permits import Permit, Reach, request_permit
from ledger.receipts import Receipt, record_receipt
from tests.channels_faults.world import SMS, World, perform
from tests.channels_faults.world import book as book_of
from tests.ledger.given import Given, row

pytestmark = pytest.mark.asyncio(loop_scope="package")

CONNECTIONS = 4


async def from_several(work: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """All of it, in its order, spread over a few connections."""
    waiting = iter(work)

    async def connection() -> None:
        for one in waiting:
            await one()

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))


async def written_to(ledger: Ledger, count: int, **debtor: Any) -> tuple[Given, list[Permit]]:
    """People who are each being written to by SMS; the outcome of none is stored yet."""
    given = await Given(ledger).set_up(book_of(["sms"]))
    base = uuid4().int % 10**5
    rows = [
        row(
            f"A{number}",
            ("1", "2026-02-01", "100000"),
            addresses={"sms": f"+573{base:05}{number:04}"},
            authorised_channels=["sms"],
            document="1.234.567",
            **debtor,
        )
        for number in range(count)
    ]
    await given.imported(*rows)
    await given.due_contact(given.journey("A0"))
    permits = []
    for number in range(count):
        journey = given.journey(f"A{number}")
        contact = await given.due_contact(journey)
        reach = Reach(frozenset({"sms"}), {"sms": "sms"})
        permit = await request_permit(ledger, journey, contact.occurrence, contact.due, reach)
        assert isinstance(permit, Permit)
        permits.append(permit)
    return given, permits


async def told(given: Given) -> dict[int, set[str]]:
    """What was told of each contact of ours."""
    rows = await given.all(
        """SELECT c.id, array_agg(e.status) AS told FROM contacts c JOIN contact_events e ON e.contact_id = c.id
        WHERE c.creditor = %s AND c.direction = 'outbound' AND c.purpose = 'collection' GROUP BY c.id""",
        given.key,
    )
    return {each["id"]: set(each["told"]) for each in rows}


def receipt(permit: Permit, status: Any, **more: Any) -> Receipt:
    values: dict[str, Any] = {"at": None, "code": None, "bad_address": False, **more}
    named = {"reference": str(permit.contact_id), "provider_ref": f"SM-{permit.contact_id}"}
    return Receipt("sms", status, **named, **values)


async def test_a_storm_of_receipts_leaves_each_contact_with_the_right_status(world: World) -> None:
    ledger = world.ledger
    given, permits = await written_to(ledger, 50)
    bounced, fine = permits[:10], permits[10:]
    expected = {
        **{permit.contact_id: {"sent", "failed"} for permit in bounced},
        **{permit.contact_id: {"sent", "delivered", "read"} for permit in fine},
    }
    receipts = [
        *(receipt(permit, "failed", code="twilio_30005", bad_address=True) for permit in bounced),
        *(receipt(permit, "sent") for permit in permits),
        *(receipt(permit, status) for permit in fine for status in ("delivered", "read")),
    ]
    storm = [lambda each=each: record_receipt(ledger, each) for each in (*receipts, *receipts)]
    # our own outcome comes in the midst of them, as where a provider is quicker than its answer
    storm += [
        lambda each=each: record_outcome(ledger, each.contact_id, "sent", provider_ref=f"SM-{each.contact_id}")
        for each in permits
    ]
    assert len(storm) == 2 * (10 + 50 + 80) + 50
    random.Random(7).shuffle(storm)
    await from_several(storm)

    assert await told(given) == expected
    invalid = await given.all(
        "SELECT i.code FROM invalid_addresses i JOIN debtors d ON d.id = i.debtor_id WHERE d.creditor = %s", given.key
    )
    assert Counter(each["code"] for each in invalid) == {"twilio_30005": 10}


async def test_replies_among_the_receipts_are_each_kept_and_answered_once(world: World) -> None:
    ledger = world.ledger
    given, permits = await written_to(ledger, 10)
    receipts = [receipt(permit, status) for permit in permits for status in ("sent", "delivered")]
    replies = [
        inbound.Written("sms", f"{given.key}-{number}-{part}", "sms", permit.address, text, None, None, None, False)
        for number, permit in enumerate(permits)
        for part, text in enumerate(("hola", "4567"))
    ]
    bots = [world.bot(), world.bot()]
    taken: list[int | None] = []

    async def take(reply: inbound.Written) -> None:
        taken.append(await inbound.take(ledger, reply, lambda creditor: True))

    storm: list[Callable[[], Awaitable[object]]] = []
    storm += [lambda each=each: record_receipt(ledger, each) for each in (*receipts, *receipts)]
    storm += [lambda each=each: take(each) for each in (*replies, *replies)]
    storm += [bots[number % 2].answer_waiting for number in range(20)]
    random.Random(3).shuffle(storm)
    await from_several(storm)
    await world.answered(*bots)

    assert len([each for each in taken if each is not None]) == len(replies)
    assert await told(given) == {permit.contact_id: {"sent", "delivered", "answered"} for permit in permits}
    entries = world.sandbox.sandbox.store.entries
    for permit in permits:
        assert len([each for each in entries.page(address=permit.address, limit=10) if each.direction == "out"]) == 2


async def test_the_same_reply_from_several_connections_at_once_is_kept_once(world: World) -> None:
    given, (permit,) = await written_to(world.ledger, 1)
    reply = inbound.Written("sms", f"{given.key}-x", "sms", permit.address, "hola", None, None, None, False)
    taken = await asyncio.gather(*(inbound.take(world.ledger, reply, lambda creditor: True) for _ in range(8)))
    assert len([each for each in taken if each is not None]) == 1


async def test_a_stop_that_comes_several_times_revokes_once(world: World) -> None:
    step = await world.due(SMS)
    await perform(Contacting(world.ledger, lambda _: {"sms": world.adapter(SMS)}), step.order)
    (entry,) = world.kept(step)
    await world.callbacks(SMS, "repeat")
    for _ in range(2):
        await world.does(f"/inbox/{entry.id}/reply", text="BAJA")
    assert world.refused() == []
    said = await step.given.all(
        """SELECT p.value FROM preferences p JOIN journeys j ON j.person_id = p.person_id WHERE j.id = %s
        AND p.origin = 'sms'""",
        step.order.journey_id,
    )
    assert [each["value"] for each in said] == ["revoked", "revoked"]  # one for each of the two messages
