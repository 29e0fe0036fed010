"""Caps hold for the person: over accounts, creditors and whoever asks at the same time (I5)."""

import asyncio
from collections import Counter
from datetime import date, timedelta

from ledger.database import Ledger
from ledger.permits import Permit
from tests.ledger.given import Given, local, row

PAST_DUE = ("1", "2026-02-01", "100000")
DAYS = 30


async def two_creditors(ledger: Ledger) -> tuple[str, list[Given]]:
    creditors = [await Given(ledger).set_up() for _ in range(2)]
    person = f"{creditors[0].key}-person"
    for each in creditors:
        await each.imported(row("A", PAST_DUE, person=person), row("B", PAST_DUE, person=person))
    return person, creditors


async def test_sixteen_requests_at_once_over_four_accounts_and_two_creditors_get_one_permit(ledger: Ledger) -> None:
    person, creditors = await two_creditors(ledger)
    asked = [
        (each, each.journey(account), await each.due_contact(each.journey(account)))
        for each in creditors
        for account in ("A", "B")
    ]

    answers = await asyncio.gather(
        *(each.asks(journey_id, contact) for _ in range(4) for each, journey_id, contact in asked)
    )
    assert sum(isinstance(answer, Permit) for answer in answers) == 1
    permitted = await creditors[0].all(
        """SELECT c.id FROM contacts c JOIN people p ON p.id = c.person_id
        WHERE p.key = %s AND c.decision = 'permitted'""",
        person,
    )
    assert len(permitted) == 1


async def test_over_a_month_the_person_hears_from_nobody_twice_a_day(ledger: Ledger) -> None:
    _, creditors = await two_creditors(ledger)
    days = Counter[date]()
    for day in range(DAYS):
        evening = local(date(2026, 2, 2) + timedelta(days=day), 20)
        for permits in await asyncio.gather(*(each.lives(evening) for each in creditors)):
            days.update({evening.date(): len(permits)})
    assert sum(days.values()) > 4
    assert set(days.values()) <= {0, 1}


async def test_another_person_is_not_held_up(ledger: Ledger) -> None:
    given = await Given(ledger).set_up()
    await given.imported(row("A", PAST_DUE), row("B", PAST_DUE))
    permits = await given.lives(local(date(2026, 2, 2), 12))
    assert sorted(permit.account for permit in permits) == ["A", "B"]
