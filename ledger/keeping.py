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
from ledger.database import Connection
from ledger.holds import CONCERNS, IS_LASTING
from ledger.received import left_of, names_of
from ledger.record import SYSTEM, Fact, Record

EventKind = Literal["made", "moved", "warned", "kept", "reopened", "broken", "lapsed", "cancelled"]
"""`lapsed`: a plan whose first payment was its condition and did not come; `cancelled`: people ended it."""

STANDS: dict[EventKind, AgreementStatus] = {
    "made": "open",
    "moved": "open",
    "warned": "open",
    "reopened": "open",
    "kept": "kept",
    "broken": "broken",
    "lapsed": "cancelled",
    "cancelled": "cancelled",
}
"""How an agreement stands after an event. What is open and past its `until` is broken, written down or not."""

LAST_EVENT = """
LATERAL (SELECT kind, until, at, data FROM agreement_events WHERE agreement_id = g.id
    ORDER BY id DESC LIMIT 1) e ON true"""
"""The last event of an agreement `g`, to be joined."""

FIRST_MISSING = "first_payment_missing"
"""Why a plan lapsed."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """A promise or a plan as the ledger has it. `until`: until when steps wait for it, as of its last event.

    `first_is_condition`: without its first instalment in time it lapses.
    """

    id: int
    kind: AgreementKind
    account_id: int
    journey_id: str
    threshold: Decimal
    event: EventKind
    event_at: datetime
    until: datetime
    instalments: tuple[Expected, ...]
    first_is_condition: bool = False

    @property
    def status(self) -> AgreementStatus:
        """How it stands after its last event."""
        return STANDS[self.event]

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
SELECT g.id, g.kind, g.account_id, g.journey_id, g.threshold, g.after_posting, g.counts_from, g.first_is_condition,
    e.kind AS event, e.at AS event_at, e.until AS waits, i.number, i.due_date, i.amount, i.until, i.warned_from
FROM agreements g JOIN agreement_instalments i ON i.agreement_id = g.id JOIN {LAST_EVENT}
WHERE g.account_id = ANY(%s) ORDER BY g.id, i.number"""

_RECEIVED = """
SELECT a.id AS account_id, p.id, p.processor, p.external_id, p.reverses, p.amount,
    least(p.paid_at, o.booked_at) AS paid_at, o.posting
FROM accounts a JOIN payments p ON p.creditor = a.creditor AND p.account = a.key
CROSS JOIN LATERAL (SELECT min(id) AS posting, min(booked_at) AS booked_at FROM postings WHERE payment_id = p.id) o
WHERE a.id = ANY(%s)"""
"""A payment counts from when it says, but no later than it was booked, as in `ledger/book.py`."""


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
            warned_from=each["warned_from"],
        )
        for each in rows
    )
    return Agreement(
        id=row["id"],
        kind=row["kind"],
        account_id=row["account_id"],
        journey_id=row["journey_id"],
        threshold=row["threshold"],
        event=row["event"],
        event_at=row["event_at"],
        until=row["waits"],
        instalments=instalments,
        first_is_condition=row["first_is_condition"],
    )


async def poured_for(tx: Connection, agreements: Sequence[Agreement]) -> Poured:
    """Which payments count for which instalments; `agreements` must be all that their accounts have."""
    expected: defaultdict[int, list[Expected]] = defaultdict(list)
    for agreement in agreements:
        if agreement.event != "cancelled":
            expected[agreement.account_id] += agreement.instalments
    rows = await (await tx.execute(_RECEIVED, [list(expected)])).fetchall()
    applied = [row for row in rows if row["posting"] is not None]
    left = left_of(applied, names_of(applied))
    received: defaultdict[int, list[Received]] = defaultdict(list)
    for row in applied:
        if row["reverses"] is None:
            payment = Received(row["external_id"], row["posting"], row["paid_at"], left[row["id"]])
            received[row["account_id"]].append(payment)
    poured: dict[tuple[int, int], Any] = {}
    for account, instalments in expected.items():
        poured |= pour(received[account], instalments)
    return poured


async def settle(tx: Connection, account_id: int, balance: Decimal, now: datetime) -> list[Change]:
    """Write what payments and time have made of an account's agreements; the caller has locked the person.

    Where nothing is owed any more, what was open is kept.
    """
    agreements = await agreements_of(tx, [account_id])
    if all(agreement.event == "cancelled" for agreement in agreements):
        return []
    poured = await poured_for(tx, agreements)
    changes: list[Change] = []
    for agreement in agreements:
        change = _change(agreement, poured, balance, now)
        if change is not None:
            data = _paid(agreement, poured)
            if change.kind == "lapsed":
                data["reason"] = FIRST_MISSING
            until = change.until or agreement.until
            fact = await write_event(tx, agreement, change.kind, until, change.at, data=data, warns_at=change.warns_at)
            changes.append(Change(agreement, change.kind, change.until, fact))
    return changes


@dataclass(frozen=True, slots=True)
class _Turn:
    """The event to write, until when steps wait (none: as before), when it happened, and when the next warning is."""

    kind: EventKind
    until: datetime | None
    at: datetime
    warns_at: datetime | None = None


def _change(agreement: Agreement, poured: Poured, balance: Decimal, now: datetime) -> _Turn | None:
    if agreement.event == "cancelled":
        return None
    if agreement.status == "kept" and now >= agreement.instalments[-1].until:
        return None  # its time is over: what is taken back now is no longer its matter
    found = judge(agreement.instalments, poured, agreement.threshold, now)
    if balance <= 0 and agreement.status in ("open", "kept"):
        found = Judged("kept", agreement.until)
    match agreement.status, found.status:
        case ("open", "open"):
            if found.until != agreement.until:
                return _Turn("moved", found.until, now, found.warns_at)
            if found.warned and found.warns_at is not None and agreement.event != "warned":
                return _Turn("warned", None, max(found.warns_at, agreement.event_at))
            return None
        case (_, "open"):
            return _Turn("reopened", found.until, now, found.warns_at)
        case ("open" | "broken" | "cancelled", "kept"):
            return _Turn("kept", now if agreement.kind == "plan" and now < agreement.until else None, now)
        case ("open" | "kept", "broken"):
            lapses = agreement.first_is_condition and found.until == agreement.instalments[0].until
            kind: EventKind = "lapsed" if lapses else "broken"
            return _Turn(kind, now if now < agreement.until else None, min(now, agreement.until))
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
    INSERT INTO open_agreements (agreement_id, creditor, account_id, until, warns_at)
    SELECT id, creditor, account_id, %(until)s, %(warns_at)s FROM agreements WHERE id = %(id)s AND %(open)s
    ON CONFLICT (agreement_id) DO UPDATE SET until = excluded.until, warns_at = excluded.warns_at)
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
    warns_at: datetime | None = None,
) -> Fact:
    """Write an agreement's event; returns the fact for the journey's record. `key`: of the command, if one.

    `warns_at`: when the instalment that it waits for is missed, where days to make it good follow.
    """
    values = {
        "id": agreement.id,
        "kind": kind,
        "key": key,
        "actor": actor,
        "until": until,
        "data": Jsonb(data),
        "at": at,
        "warns_at": warns_at,
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
    tx: Connection,
    account_id: int,
    balance: Decimal,
    record: Record | None,
    now: datetime,
    holds: Sequence[Hold] | None = None,
) -> tuple[Hold, ...] | None:
    """Let the agreements know of a payment or reversal that was just posted; `balance` is what is owed after it.

    Returns the holds to tell, none where they stay. Facts go to the record, or where none is open to the journey in
    which the agreement was made. `holds`: what they have become before, in the same transaction.
    """
    if record is not None and never_agreed(record):
        return None
    changes = await settle(tx, account_id, balance, now)
    if record is not None:
        record.facts.extend(change.fact for change in changes)
        return held(holds or record.state.standing.holds, changes, now)
    for change in changes:
        await note(tx, change.agreement.journey_id, change.fact)
    return None


def never_agreed(record: Record) -> bool:
    """Whether no agreement was ever made: a first journey still has the holds of all that were."""
    holds = record.state.standing.holds
    return record.terms.episode == 1 and all(held_by(hold) in ("pause", "dispute") for hold in holds)


_HOLDS = f"""
SELECT g.account_id, g.kind || ':' || g.id AS id, g.made_at AS starts, o.until AS ends
FROM open_agreements o JOIN agreements g ON g.id = o.agreement_id WHERE o.account_id = ANY(%(accounts)s)
UNION ALL
SELECT d.account_id, 'dispute:' || d.id, d.opened_at, NULL
FROM disputes d WHERE d.account_id = ANY(%(accounts)s)
    AND NOT EXISTS (SELECT FROM dispute_resolutions r WHERE r.dispute_id = d.id)
UNION ALL
SELECT a.id, h.key, h.starts, h.ends
FROM accounts a JOIN holds h ON {CONCERNS} AND {IS_LASTING} JOIN creditors c ON c.key = a.creditor
WHERE a.id = ANY(%(accounts)s) AND NOT EXISTS (SELECT FROM hold_ends e WHERE e.hold_id = h.id)
    AND (h.ends IS NULL OR h.ends > coalesce(c.test_clock, clock_timestamp()))
ORDER BY starts, id"""


async def holds_of(tx: Connection, accounts: Sequence[int]) -> dict[int, tuple[Hold, ...]]:
    """The holds of open agreements and disputes, and of pauses that last, by account: its new journey starts so."""
    rows = await (await tx.execute(_HOLDS, {"accounts": list(accounts)})).fetchall()
    found: defaultdict[int, tuple[Hold, ...]] = defaultdict(tuple)
    for row in rows:
        found[row["account_id"]] += (Hold(id=row["id"], starts=row["starts"], ends=row["ends"]),)
    return found
