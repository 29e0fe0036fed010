"""What payments and time make of agreements: events of promises and plans, and the holds that follow from them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.keeping import AgreementKind, AgreementStatus, Expected, Judged, Poured, Received, held_by, judge, pour
from journey.state import Hold
from ledger.database import Connection, Ledger
from ledger.record import SYSTEM, Fact, Record, open_record, write_facts
from ledger.standing import owed

EventKind = Literal["made", "moved", "kept", "reopened", "broken", "cancelled"]

STANDS: dict[EventKind, AgreementStatus] = {
    "made": "open",
    "moved": "open",
    "reopened": "open",
    "kept": "kept",
    "broken": "broken",
    "cancelled": "cancelled",
}
"""How an agreement stands after an event. What is open and past its `until` is broken, written down or not."""

LAST_EVENT = """
LATERAL (SELECT kind, until, at FROM agreement_events WHERE agreement_id = g.id ORDER BY id DESC LIMIT 1) e ON true"""
"""The last event of an agreement `g`, to be joined."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A promise or a plan as the ledger has it. `until`: until when steps wait for it, as of its last event."""

    id: int
    kind: AgreementKind
    account_id: int
    journey_id: str
    threshold: Decimal
    status: AgreementStatus
    until: datetime
    instalments: tuple[Expected, ...]

    @property
    def hold_id(self) -> str:
        """The id of its hold: `promise:7`."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an agreement just now. `until`: until when steps wait for it; none where that stays."""

    agreement: Agreement
    kind: EventKind
    until: datetime | None
    fact: Fact


_AGREEMENTS = f"""
SELECT g.id, g.kind, g.account_id, g.journey_id, g.threshold, g.after_posting, g.counts_from,
    e.kind AS event, e.until AS waits, i.number, i.due_date, i.amount, i.until
FROM agreements g JOIN agreement_instalments i ON i.agreement_id = g.id JOIN {LAST_EVENT}
WHERE g.account_id = ANY(%s) ORDER BY g.id, i.number"""

_RECEIVED = """
SELECT o.account_id, p.processor, p.external_id, p.kind, p.reverses, p.paid_at, min(o.id) AS posting,
    sum(o.amount) AS amount
FROM postings o JOIN payments p ON p.id = o.payment_id
WHERE o.account_id = ANY(%s) GROUP BY o.account_id, p.id"""


async def agreements_of(tx: Connection, accounts: Sequence[int]) -> list[Agreement]:
    """All agreements of these accounts, by their numbers."""
    rows = await (await tx.execute(_AGREEMENTS, [list(accounts)])).fetchall()
    by_number: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_number[row["id"]].append(row)
    return [_agreement(lines) for lines in by_number.values()]


def _agreement(rows: list[dict[str, Any]]) -> Agreement:
    row = rows[0]
    instalments = tuple(
        Expected(
            agreement=each["id"],
            number=each["number"],
            due_date=each["due_date"],
            amount=each["amount"],
            after_posting=each["after_posting"],
            counts_from=each["counts_from"],
            until=each["until"],
        )
        for each in rows
    )
    return Agreement(
        id=row["id"],
        kind=row["kind"],
        account_id=row["account_id"],
        journey_id=row["journey_id"],
        threshold=row["threshold"],
        status=STANDS[row["event"]],
        until=row["waits"],
        instalments=instalments,
    )


async def poured_for(tx: Connection, agreements: Sequence[Agreement]) -> Poured:
    """Which payments count for which instalments; `agreements` must be all that their accounts have."""
    accounts = list({agreement.account_id for agreement in agreements})
    rows = await (await tx.execute(_RECEIVED, [accounts])).fetchall()
    taken_back: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["kind"] == "reversal":
            taken_back[row["processor"], row["reverses"]] += row["amount"]
    poured: dict[tuple[int, int], Any] = {}
    for account in accounts:
        received = [
            Received(
                payment=row["external_id"],
                posting=row["posting"],
                at=row["paid_at"],
                amount=-row["amount"] - taken_back[row["processor"], row["external_id"]],
            )
            for row in rows
            if row["account_id"] == account and row["kind"] == "payment"
        ]
        poured |= pour(received, _expected([each for each in agreements if each.account_id == account]))
    return poured


def _expected(agreements: Sequence[Agreement]) -> list[Expected]:
    return [each for agreement in agreements if agreement.status != "cancelled" for each in agreement.instalments]


async def settle(tx: Connection, account_id: int, balance: Decimal, now: datetime) -> list[Change]:
    """Write what payments and time have made of an account's agreements; the caller has locked the person.

    Where nothing is owed any more, what was open is kept.
    """
    agreements = await agreements_of(tx, [account_id])
    if all(agreement.status == "cancelled" for agreement in agreements):
        return []
    poured = await poured_for(tx, agreements)
    changes: list[Change] = []
    for agreement in agreements:
        change = _change(agreement, poured, balance, now)
        if change is not None:
            kind, until, at = change
            fact = await write_event(tx, agreement, kind, until or agreement.until, at, data=_paid(agreement, poured))
            changes.append(Change(agreement, kind, until, fact))
    return changes


def _change(
    agreement: Agreement, poured: Poured, balance: Decimal, now: datetime
) -> tuple[EventKind, datetime | None, datetime] | None:
    """The event to write, until when steps wait (none: as before), and when it happened."""
    if agreement.status == "cancelled":
        return None
    if agreement.status == "kept" and now >= agreement.instalments[-1].until:
        return None  # its time is over: what is taken back now is no longer its matter
    found = judge(agreement.instalments, poured, agreement.threshold, now)
    if balance <= 0 and agreement.status in ("open", "kept"):
        found = Judged("kept", agreement.until)
    match agreement.status, found.status:
        case ("open", "open"):
            return ("moved", found.until, now) if found.until != agreement.until else None
        case (_, "open"):
            return "reopened", found.until, now
        case ("open" | "broken", "kept"):
            return "kept", now if agreement.kind == "plan" and now < agreement.until else None, now
        case ("open" | "kept", "broken"):
            return "broken", now if now < agreement.until else None, min(now, agreement.until)
        case _:
            return None


def _paid(agreement: Agreement, poured: Poured) -> dict[str, Any]:
    """What was paid towards it, and by which payments."""
    parts = [poured.get((each.agreement, each.number), {}) for each in agreement.instalments]
    paid = sum((amount for part in parts for amount in part.values()), Decimal(0))
    return {"paid": paid, "payments": list(dict.fromkeys(payment for part in parts for payment in part))}


_EVENT = """
WITH event AS (
    INSERT INTO agreement_events (agreement_id, kind, key, actor, until, data, at)
    VALUES (%(id)s, %(kind)s, %(key)s, %(actor)s, %(until)s, %(data)s, %(at)s) RETURNING id),
closed AS (DELETE FROM open_agreements WHERE agreement_id = %(id)s AND NOT %(open)s),
opened AS (
    INSERT INTO open_agreements (agreement_id, creditor, account_id, until)
    SELECT id, creditor, account_id, %(until)s FROM agreements WHERE id = %(id)s AND %(open)s
    ON CONFLICT (agreement_id) DO UPDATE SET until = excluded.until)
SELECT id FROM event"""


async def write_event(
    tx: Connection,
    agreement: Agreement,
    kind: EventKind,
    until: datetime,
    at: datetime,
    *,
    data: dict[str, Any],
    actor: str = SYSTEM,
    key: str | None = None,
) -> Fact:
    """Write an agreement's event; returns the fact for the journey's record. `key`: of the command, if one."""
    values = {
        "id": agreement.id,
        "kind": kind,
        "key": key,
        "actor": actor,
        "until": until,
        "data": Jsonb(data),
        "at": at,
        "open": STANDS[kind] == "open",
    }
    row = await (await tx.execute(_EVENT, values)).fetchone()
    assert row is not None
    about = {agreement.kind: agreement.id, "until": until, **data}
    return Fact(f"{agreement.hold_id}:{kind}:{row['id']}", f"{agreement.kind}_{kind}", at, about, actor)


def held(holds: Sequence[Hold], changes: Sequence[Change], now: datetime) -> tuple[Hold, ...] | None:
    """The holds once these changes are known; none where they stay as they are."""
    ends = {change.agreement.hold_id: change.until for change in changes if change.until is not None}
    if not ends:
        return None
    known = {hold.id for hold in holds}
    moved = [hold.model_copy(update={"ends": ends[hold.id]}) if hold.id in ends else hold for hold in holds]
    return (*moved, *(Hold(id=name, starts=now, ends=end) for name, end in ends.items() if name not in known))


_FACT = """
INSERT INTO journey_events (journey_id, key, kind, actor, data, at) VALUES (%s, %s, %s, %s, %s, %s)"""


async def note(tx: Connection, journey_id: str, fact: Fact) -> None:
    """Record what became of an agreement or dispute with the journey in which it was made, which has ended."""
    await tx.execute(_FACT, [journey_id, fact.key, fact.kind, fact.actor, Jsonb(fact.data), fact.at])


async def after_payment(
    tx: Connection, account_id: int, balance: Decimal, record: Record | None, now: datetime
) -> tuple[Hold, ...] | None:
    """Let the agreements know of a payment or reversal that was just posted; `balance` is what is owed after it.

    Returns the holds to tell, none where they stay. Facts go to the record, or where none is open to the journey in
    which the agreement was made.
    """
    if record is not None and all(held_by(hold) in ("pause", "dispute") for hold in record.state.standing.holds):
        return None
    changes = await settle(tx, account_id, balance, now)
    if record is not None:
        record.facts.extend(change.fact for change in changes)
        return held(record.state.standing.holds, changes, now)
    for change in changes:
        await note(tx, change.agreement.journey_id, change.fact)
    return None


_DUE = """
SELECT o.account_id FROM open_agreements o JOIN creditors c ON c.key = o.creditor
WHERE o.until <= coalesce(c.test_clock, clock_timestamp())
    AND CASE WHEN %(creditor)s::text IS NULL THEN c.test_clock IS NULL ELSE c.key = %(creditor)s END
GROUP BY o.account_id ORDER BY min(o.until), o.account_id LIMIT %(limit)s"""

_LOCK = """
SELECT coalesce(c.test_clock, clock_timestamp()) AS now
FROM accounts a JOIN creditors c ON c.key = a.creditor JOIN people p ON p.id = a.person_id
WHERE a.id = %s FOR UPDATE OF p"""


async def settle_due(ledger: Ledger, creditor: str | None, limit: int = 100) -> int:
    """Write down which agreements were broken as their time ran out: of one creditor, or of all on the real clock.

    Returns how many accounts there were (at most `limit`): call it again until there are none. The engine needs not
    be told, since a hold ends by itself.
    """
    async with ledger.transaction() as tx:
        due = await (await tx.execute(_DUE, {"creditor": creditor, "limit": limit})).fetchall()
    for row in due:
        async with ledger.transaction() as tx:
            await _settle_account(tx, row["account_id"])
    return len(due)


async def _settle_account(tx: Connection, account_id: int) -> None:
    row = await (await tx.execute(_LOCK, [account_id])).fetchone()
    assert row is not None
    record = await open_record(tx, account_id=account_id)
    changes = await settle(tx, account_id, (await owed(tx, account_id)).balance, row["now"])
    if record is not None:
        record.facts.extend(change.fact for change in changes)
        await write_facts(tx, record)
        return
    for change in changes:
        await note(tx, change.agreement.journey_id, change.fact)


_HOLDS = """
SELECT g.account_id, g.kind || ':' || g.id AS id, g.made_at AS starts, o.until AS ends
FROM open_agreements o JOIN agreements g ON g.id = o.agreement_id WHERE o.account_id = ANY(%(accounts)s)
UNION ALL
SELECT d.account_id, 'dispute:' || d.id, d.opened_at, NULL
FROM disputes d WHERE d.account_id = ANY(%(accounts)s)
    AND NOT EXISTS (SELECT FROM dispute_resolutions r WHERE r.dispute_id = d.id)
ORDER BY starts, id"""


async def holds_of(tx: Connection, accounts: Sequence[int]) -> dict[int, tuple[Hold, ...]]:
    """The holds of open agreements and disputes, by account: a new journey of the account starts with them."""
    rows = await (await tx.execute(_HOLDS, {"accounts": list(accounts)})).fetchall()
    found: defaultdict[int, tuple[Hold, ...]] = defaultdict(tuple)
    for row in rows:
        found[row["account_id"]] += (Hold(id=row["id"], starts=row["starts"], ends=row["ends"]),)
    return found
