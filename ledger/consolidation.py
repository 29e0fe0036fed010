"""One message about all of a person's accounts at a creditor whose steps fall on the same day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from journey.events import StepDone
from journey.planning import Contact, Wait
from journey.playbook import Step
from journey.state import occurrence
from ledger.database import Connection
from ledger.foresight import look_ahead
from ledger.judging import Known
from ledger.record import OPEN_OF_PERSON, Fact, Record, record_of, write
from ledger.standing import owed
from policy.calendar import local_date


@dataclass(frozen=True, slots=True)
class AccountDue:
    """Another account of the person that a message speaks of, too. Amounts in its currency, days past due of today."""

    account: str
    past_due: Decimal
    balance: Decimal
    due_date: date
    days_past_due: int


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another open journey of the person at the creditor, and its step of today that the message stands for.

    `asks_at`: when its workflow will ask for the step.
    """

    record: Record
    step: Step
    occurrence: str
    asks_at: datetime
    due: AccountDue


async def siblings_of(tx: Connection, record: Record, move: Contact, channel: str) -> list[Sibling]:
    """The journeys of the same person, creditor, currency and stage that have a step by this channel today.

    Accounts in another stage, or under a pause, get their own message another day: a friendly reminder and a formal
    notice do not fit into one.
    """
    cursor = await tx.execute(
        OPEN_OF_PERSON, [record.person_id, record.terms.creditor, record.id, record.terms.currency]
    )
    found = [await _sibling(tx, row, record, move, channel) for row in await cursor.fetchall()]
    return [sibling for sibling in found if sibling is not None]


async def _sibling(tx: Connection, row: dict[str, Any], record: Record, move: Contact, channel: str) -> Sibling | None:
    other = record_of(row)
    other.reach(record.now)
    other.learn()
    step, asks_at = _step_today(other)
    anchor = other.state.standing.oldest_due
    if step is None or anchor is None or other.state.stage != move.stage or channel not in step.channels:
        return None
    balance = other.state.standing.balance
    if step.when is not None and balance < step.when.balance_at_least:
        return None
    today = local_date(other.now, other.terms.zone)
    owes = await owed(tx, other.account_id)
    due = AccountDue(other.terms.account, owes.past_due(today), owes.balance, anchor, (today - anchor).days)
    return Sibling(other, step, occurrence(step.key, anchor, other.state.standing.again), asks_at, due)


def _step_today(record: Record) -> tuple[Step | None, datetime]:
    """The step that this journey would perform today, and when: due now, or later on the same local day."""
    match record.move:
        case Contact(step=step, due=due):
            return step, due
        case Wait(step=key, due=due) if key is not None and due is not None:
            zone = record.terms.zone
            if local_date(due, zone) == local_date(record.now, zone):
                return record.terms.playbook.step(key), due
        case _:
            pass
    return None, record.now


_COVERED = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, step, occurrence, stage, attempt, channel,
    decision, reason, rules, basis, decided_at, covered_by)
SELECT j.id, j.person_id, j.creditor, j.account_id, %(step)s, %(occurrence)s, %(stage)s,
    (SELECT count(*) FROM contacts c WHERE c.journey_id = j.id AND c.occurrence = %(occurrence)s),
    %(channel)s, 'skipped', 'consolidated', '{}', '{}', %(at)s, %(covered_by)s
FROM journeys j WHERE j.id = %(journey)s"""


_WAKE = "UPDATE journeys SET wake_at = least(wake_at, %s) WHERE id = %s AND NOT closed"


async def cover(
    tx: Connection, sibling: Sibling, contact_id: int, channel: str, known: Known, connected: Collection[str]
) -> None:
    """Record that the sibling's step is done by this contact, and look ahead at its next one by what is known then.

    Its workflow learns it when it asks for the step: it is to be woken then, also by a test clock.
    """
    record = sibling.record
    await tx.execute(
        _COVERED,
        {
            "journey": record.id,
            "step": sibling.step.key,
            "occurrence": sibling.occurrence,
            "stage": record.state.stage,
            "channel": channel,
            "at": record.now,
            "covered_by": contact_id,
        },
    )
    about = {"step": sibling.step.key, "channel": channel, "status": "consolidated", "covered_by": contact_id}
    record.facts.append(Fact(f"contact:{sibling.occurrence}:covered", "contact", record.now, about))
    record.learn(StepDone(occurrence=sibling.occurrence))
    look_ahead(record, known, connected)
    await write(tx, record)
    await tx.execute(_WAKE, [sibling.asks_at, record.id])
