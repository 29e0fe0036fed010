"""Opening journeys: an account enters its playbook, in the record first and then in the engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from psycopg.types.json import Jsonb

from journey.planning import settled_outcome
from journey.state import JourneyState, Standing, Terms
from ledger.database import Connection, Ledger
from ledger.foresight import look_ahead
from ledger.judging import known_of
from ledger.keeping import holds_of
from ledger.packs import OWN_PACKS, packs_of
from ledger.record import (
    LAST_OUTCOME,
    SYSTEM,
    Fact,
    Record,
    columns,
    next_entry,
    open_record_by_id,
    playbook_of,
    write_facts,
)
from policy import Pack
from policy.calendar import local_date
from policy.hours import ContactHours, contact_hours

HOURS_AHEAD = timedelta(days=60)
"""How far beyond the timeline's end the closed days of a journey's contact hours reach: reversals may lengthen it."""

LONGEST_HOURS = timedelta(days=3650)
"""Holidays farther away than that are nobody's to know; weekdays hold then."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the engine needs to start a journey's workflow."""

    terms: Terms
    state: JourneyState
    clock: datetime | None


_ACCOUNTS = f"""
SELECT {LAST_OUTCOME},
    a.id, a.person_id, a.creditor, a.key, a.currency, a.enters_at, d.time_zones, d.packs AS debtor_packs,
    c.pack, c.extra_packs, {OWN_PACKS}, c.test_clock,
    coalesce(c.test_clock, clock_timestamp()) AS now, b.hash, b.content::text AS playbook,
    o.balance, o.oldest_due,
    (SELECT coalesce(max(episode), 0) + 1 FROM journeys j WHERE j.account_id = a.id) AS episode,
    EXISTS (SELECT FROM journeys j WHERE j.account_id = a.id AND NOT j.closed) AS running,
    ARRAY(SELECT DISTINCT occurrence FROM contacts c
          WHERE c.account_id = a.id AND c.decision = 'permitted' AND c.step IS NOT NULL ORDER BY 1) AS contacted
FROM accounts a
JOIN debtors d ON d.id = a.debtor_id
JOIN creditors c ON c.key = a.creditor
JOIN current_playbooks b ON b.key = c.playbook
JOIN LATERAL (
    SELECT coalesce(sum(open), 0) AS balance, min(due_date) FILTER (WHERE claimed) AS oldest_due
    FROM claims WHERE account_id = a.id) o ON true
WHERE a.id = ANY(%s) ORDER BY a.id"""

_INSERT = """
INSERT INTO journeys (id, account_id, person_id, creditor, account, episode, playbook_hash, hours, state, seq,
    closed, stage, next_stage, next_stage_at, outcome, wake_at, closed_at, due_date, opening_balance, currency,
    opened_at)
VALUES (%(id)s, %(account_id)s, %(person_id)s, %(creditor)s, %(account)s, %(episode)s, %(playbook_hash)s,
    %(hours)s, %(state)s, %(seq)s, %(closed)s, %(stage)s, %(next_stage)s, %(next_stage_at)s, %(outcome)s,
    %(wake_at)s, %(closed_at)s, %(due_date)s, %(opening_balance)s, %(currency)s, %(opened_at)s)"""


_SPOKEN_OF = """
SELECT person_id FROM contacts WHERE person_id = ANY(%(people)s) AND decision = 'permitted'
UNION SELECT person_id FROM preferences WHERE person_id = ANY(%(people)s) AND origin <> 'import'"""
"""Those of these people of whom more is known than what the creditor's file says."""


@lru_cache(maxsize=4096)
def _contact_hours(packs: tuple[Pack, ...], zones: tuple[str, ...], first: date, last: date) -> ContactHours:
    return contact_hours(packs, zones, first, last)


def _last_day(first: date, end: date) -> date:
    return min(max(first, end) + HOURS_AHEAD, first + LONGEST_HOURS)


async def open_journeys(ledger: Ledger, accounts: Sequence[int], actor: str = SYSTEM) -> list[Launch]:
    """Open a journey for each of these accounts that is due one, in one transaction; returns what to launch.

    An account that owes nothing, that is not yet in its playbook's days or that has an open journey opens none.
    """
    async with ledger.transaction() as tx:
        return await open_within(tx, accounts, actor)


async def open_within(tx: Connection, accounts: Sequence[int], actor: str = SYSTEM) -> list[Launch]:
    """`open_journeys` inside the caller's transaction."""
    await tx.execute(
        "SELECT FROM people WHERE id IN (SELECT person_id FROM accounts WHERE id = ANY(%s)) ORDER BY id FOR UPDATE",
        [list(accounts)],
    )
    rows = await (await tx.execute(_ACCOUNTS, [list(accounts)])).fetchall()
    people = {"people": [row["person_id"] for row in rows]}
    spoken_of = {row["person_id"] for row in await (await tx.execute(_SPOKEN_OF, people)).fetchall()}
    holds = await holds_of(tx, accounts)
    opened: list[tuple[Record, Launch, dict[str, Any]]] = []
    entries: list[tuple[datetime | None, int]] = []
    for row in rows:
        row["holds"] = holds.get(row["id"], ())
        found = None if row["running"] else await _open(tx, row, actor, row["person_id"] in spoken_of)
        entries.append((None if row["running"] or found else _entry(row), row["id"]))
        if found is not None:
            opened.append(found)
    async with tx.cursor() as cursor:
        if opened:
            await cursor.executemany(_INSERT, [values for _, _, values in opened])
        await cursor.executemany("UPDATE accounts SET enters_at = %s WHERE id = %s", entries)
    for record, _, _ in opened:
        await write_facts(tx, record)
    return [launch for _, launch, _ in opened]


def _entry(row: dict[str, Any]) -> datetime | None:
    """When the account enters by itself; never in the past, so that it is not looked at again and again."""
    book = playbook_of(row["hash"], row["playbook"])
    at = next_entry(book, row["time_zones"][0], row["balance"], row["oldest_due"], row["last_outcome"])
    return at if at is not None and at > row["now"] else None


async def _open(
    tx: Connection, row: dict[str, Any], actor: str, is_spoken_of: bool
) -> tuple[Record, Launch, dict[str, Any]] | None:
    book = playbook_of(row["hash"], row["playbook"])
    oldest_due, balance, now = row["oldest_due"], row["balance"], row["now"]
    zone = row["time_zones"][0]
    if oldest_due is None:
        return None
    today = local_date(now, zone)
    hours = _contact_hours(
        packs_of(row["pack"], row["extra_packs"], row["debtor_packs"], row["own_packs"]),
        tuple(row["time_zones"]),
        today.replace(day=1),
        _last_day(today.replace(day=1), oldest_due + timedelta(days=book.ends.day)),
    )
    terms = Terms(
        creditor=row["creditor"],
        account=row["key"],
        episode=row["episode"],
        currency=row["currency"],
        playbook=book,
        hours=hours,
    )
    standing = Standing(seq=0, at=now, balance=balance, oldest_due=oldest_due, holds=row["holds"])
    # What an earlier episode said under the same due date is not said again (a payment that was reversed).
    state = JourneyState(standing=standing, since=now, done=tuple(row["contacted"]))
    if settled_outcome(terms, state, today) is not None:
        return None
    record = Record(terms.journey_id, row["id"], row["person_id"], terms, state, now)
    record.facts.append(
        Fact(
            "started",
            "started",
            now,
            {"playbook": book.key, "hash": book.hash, "due_date": oldest_due},
            actor,
        )
    )
    record.learn()
    if is_spoken_of:
        look_ahead(record, await known_of(tx, row["id"], row["person_id"], row["creditor"]))
    values = {
        **columns(record),
        "account_id": row["id"],
        "person_id": row["person_id"],
        "creditor": row["creditor"],
        "account": row["key"],
        "episode": row["episode"],
        "playbook_hash": row["hash"],
        "hours": Jsonb(hours),
        "due_date": oldest_due,
        "opening_balance": Decimal(balance),
        "currency": row["currency"],
        "opened_at": now,
    }
    return record, Launch(terms, record.state, row["test_clock"]), values


async def launch_of(tx: Connection, journey_id: str) -> Launch | None:
    """What the engine needs to start (again) the workflow of an open journey, from the record."""
    record = await open_record_by_id(tx, journey_id)
    if record is None:
        return None
    row = await (
        await tx.execute("SELECT test_clock FROM creditors WHERE key = %s", [record.terms.creditor])
    ).fetchone()
    return Launch(record.terms, record.state, row["test_clock"] if row else None)


async def mark_launched(ledger: Ledger, journey_ids: Sequence[str]) -> None:
    """The engine has these journeys."""
    async with ledger.transaction() as tx:
        await tx.execute("UPDATE journeys SET launched = true WHERE id = ANY(%s)", [list(journey_ids)])


async def due_to_enter(ledger: Ledger, creditor: str | None, limit: int) -> list[int]:
    """Accounts whose next journey is due to start: of one creditor, or of all that run on the real clock."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT a.id FROM accounts a JOIN creditors c ON c.key = a.creditor
                WHERE a.enters_at <= coalesce(c.test_clock, clock_timestamp()) AND a.import_id IS NULL
                  AND CASE WHEN %(creditor)s::text IS NULL THEN c.test_clock IS NULL ELSE c.key = %(creditor)s END
                ORDER BY a.enters_at, a.id LIMIT %(limit)s""",
                {"creditor": creditor, "limit": limit},
            )
        ).fetchall()
    return [row["id"] for row in rows]


async def not_launched(ledger: Ledger, older_than: timedelta, limit: int) -> list[str]:
    """Open journeys that the engine was not given within this time: whoever opened them died."""
    async with ledger.transaction() as tx:
        rows = await (
            await tx.execute(
                """
                SELECT j.id FROM journeys j JOIN journey_events e ON e.journey_id = j.id AND e.key = 'started'
                WHERE NOT j.launched AND NOT j.closed AND e.recorded_at < clock_timestamp() - %s LIMIT %s""",
                [older_than, limit],
            )
        ).fetchall()
    return [row["id"] for row in rows]
