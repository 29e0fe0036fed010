"""A payment and a permit at the same moment: one comes first, and no permit follows the clearing payment (I3)."""

import asyncio

from ledger.payments import Posted
from ledger.permits import Answer, Overtaken, Permit
from ledger.summary import summary
from tests.ledger.given import Given, row

ROUNDS = 40
PAST_DUE = ("1", "2026-02-01", "100000")

_ORDER = """
SELECT e.kind, e.data->>'status' AS status FROM journey_events e JOIN journeys j ON j.id = e.journey_id
WHERE j.id = %s AND (e.kind = 'closed' OR e.data->>'status' = 'permitted') ORDER BY e.id"""


async def test_no_permit_is_recorded_after_the_payment_that_clears_the_account(given: Given) -> None:
    accounts = [f"A-{number}" for number in range(ROUNDS)]
    await given.imported(*(row(account, PAST_DUE) for account in accounts))
    contacts = {account: await given.due_contact(given.journey(account)) for account in accounts}

    async def race(account: str, number: int) -> tuple[Posted, Answer]:
        asking = given.asks(given.journey(account), contacts[account])
        paying = given.pays(account, "100000")
        if number % 2:
            posted, answer = await asyncio.gather(paying, asking)
        else:
            answer, posted = await asyncio.gather(asking, paying)
        return posted, answer

    won = 0
    for number, account in enumerate(accounts):
        posted, answer = await race(account, number)
        order = [each["kind"] for each in await given.all(_ORDER, given.journey(account))]
        if isinstance(answer, Permit):
            won += 1
            assert order == ["contact", "closed"]
        else:
            assert isinstance(answer, Overtaken)
            assert answer.standing.outcome == "paid"
            assert order == ["closed"]
        assert posted.status == "applied"
        assert await given.balance(account) == 0
    assert 0 < won < ROUNDS, "each side must win some rounds, or nothing raced"
    found = await summary(given.ledger, given.key)
    assert found is not None
    assert found["contacts"]["after_clearing_payment"] == 0
