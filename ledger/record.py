"""A journey's record beside the engine: the same pure core, applied in the transaction of each fact.

The record is the authority on what was decided; the workflow is told its `Standing` and comes to the same moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from types import EllipsisType
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from journey.events import Ended, Event, StageEntered, StandingChanged, StepSkipped, apply
from journey.planning import Contact, Finished, Move, Wait, entry, next_stage, settle
from journey.playbook import Outcome, Playbook, parse_playbook
from journey.state import Hold, JourneyState, Standing, Terms
from ledger.database import Connection
from policy.hours import ContactHours

SYSTEM = "senda"
"""The actor of what the product does by itself."""


SKEW = timedelta(seconds=2)
"""How far the engine's clock may run before the database's."""


class ClockBehind(Exception):
    """The engine is ahead of the record's clock: try again in a moment."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a journey's record. `key` names it within the journey, so that it is recorded once."""

    key: str
    kind: str
    at: datetime
    data: dict[str, Any]
    actor: str = SYSTEM


@dataclass(slots=True)
class Record:
    """An open journey under its person's lock. `learn` applies events; `write` stores the state and all facts."""

    id: str
    account_id: int
    person_id: int
    terms: Terms
    state: JourneyState
    now: datetime
    move: Move = field(default_factory=lambda: Wait(None))
    facts: list[Fact] = field(default_factory=list[Fact])
    skipped: list[StepSkipped] = field(default_factory=list[StepSkipped])
    closed_at: datetime | None = None

    def learn(self, *events: Event) -> None:
        """Apply events, then take every move that follows of itself at `now` (stages, skips, the end)."""
        for event in events:
            self.state = apply(self.state, event)
        self.state, decided, self.move = settle(self.terms, self.state, self.now)
        for event in decided:
            self._note(event)

    def reach(self, at: datetime) -> None:
        """Go on to the instant that the engine says it is; two clocks may differ by a little.

        Raises `ClockBehind` where they differ by more: whoever asks tries again.
        """
        if at > self.now + SKEW:
            raise ClockBehind(f"the record's clock is {at - self.now} behind the engine's")
        self.now = max(self.now, at)

    def tell(
        self,
        *,
        balance: Decimal | None = None,
        oldest_due: date | EllipsisType | None = ...,
        holds: Sequence[Hold] | None = None,
        outcome: Outcome | None = None,
        again: Sequence[str] | None = None,
    ) -> Standing:
        """Learn a new standing, one `seq` later, that differs from the last in what is given; returns it."""
        last = self.state.standing
        standing = Standing(
            seq=last.seq + 1,
            at=self.now,
            balance=last.balance if balance is None else balance,
            oldest_due=last.oldest_due if isinstance(oldest_due, EllipsisType) else oldest_due,
            holds=last.holds if holds is None else tuple(holds),
            outcome=outcome,
            again=last.again if again is None else tuple(again),
        )
        self.learn(StandingChanged(standing=standing))
        return standing

    def _note(self, event: Event) -> None:
        seq = self.state.standing.seq
        match event:
            case StageEntered(stage=stage, at=at):
                self.facts.append(Fact(f"stage:{seq}:{stage}", "stage_entered", at, {"stage": stage}))
            case StepSkipped(step=step, occurrence=name, reason=reason):
                self.facts.append(Fact(f"skip:{name}", "step_skipped", self.now, {"step": step, "reason": reason}))
                self.skipped.append(event)
            case Ended(outcome=outcome, at=at):
                self.facts.append(Fact("closed", "closed", at, {"outcome": outcome}))
                self.closed_at = at
            case _:
                pass

    @property
    def wake_at(self) -> datetime | None:
        """When the journey has something to do next; none while only a fact can move it."""
        match self.move:
            case Wait(until=until):
                return until
            case Contact(due=due):
                return due
            case _:
                return None


@lru_cache(maxsize=256)
def _playbook(hash_: str, content: bytes) -> Playbook:
    return parse_playbook(orjson.loads(content))


def playbook_of(hash_: str, content: str) -> Playbook:
    """The playbook of a row; `content` is the column as text."""
    return _playbook(hash_, content.encode())


@lru_cache(maxsize=1024)
def _hours(content: bytes) -> ContactHours:
    return ContactHours.model_validate_json(content)


_OPEN = """
SELECT j.id, j.account_id, j.person_id, j.creditor, j.account, j.episode, j.currency, j.playbook_hash,
       j.hours::text AS hours, j.state::text AS state, p.content::text AS playbook,
       coalesce(c.test_clock, clock_timestamp()) AS now, coalesce(c.money->'interest', 'null') <> 'null' AS has_interest
FROM journeys j JOIN playbooks p ON p.hash = j.playbook_hash JOIN creditors c ON c.key = j.creditor
WHERE NOT j.closed AND """

OPEN = _OPEN + "j.account_id = %s"
"""The open journey of an account."""

OPEN_OF_PERSON = _OPEN + "j.person_id = %s AND j.creditor = %s AND j.id <> %s AND j.currency = %s ORDER BY j.id"
"""A person's other open journeys at a creditor, in a currency."""


async def open_record(tx: Connection, *, account_id: int) -> Record | None:
    """The open journey of an account, whose person the caller has locked; none where none is open."""
    row = await (await tx.execute(OPEN, [account_id])).fetchone()
    return record_of(row) if row is not None else None


async def open_record_by_id(tx: Connection, journey_id: str) -> Record | None:
    """The same by the journey's id; none where it is closed or unknown."""
    row = await (await tx.execute(_OPEN + "j.id = %s", [journey_id])).fetchone()
    return record_of(row) if row is not None else None


def record_of(row: dict[str, Any]) -> Record:
    """The record of a row of `OPEN`."""
    terms = Terms.model_construct(
        creditor=row["creditor"],
        account=row["account"],
        episode=row["episode"],
        currency=row["currency"],
        playbook=playbook_of(row["playbook_hash"], row["playbook"]),
        hours=_hours(row["hours"].encode()),
    )
    state = JourneyState.model_validate_json(row["state"])
    now = max(row["now"], state.since)
    return Record(row["id"], row["account_id"], row["person_id"], terms, state, now)


_UPDATE = """
UPDATE journeys SET state = %(state)s, seq = %(seq)s, closed = %(closed)s, stage = %(stage)s,
    next_stage = %(next_stage)s, next_stage_at = %(next_stage_at)s, outcome = %(outcome)s,
    wake_at = %(wake_at)s, closed_at = %(closed_at)s
WHERE id = %(id)s"""

_FACT = """
INSERT INTO journey_events (journey_id, key, kind, actor, data, at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (journey_id, key) DO NOTHING"""

_SKIP = """
INSERT INTO contacts (journey_id, person_id, creditor, account_id, step, occurrence, stage, attempt, channel,
    decision, reason, rules, basis, decided_at)
SELECT j.id, j.person_id, j.creditor, j.account_id, %(step)s, %(occurrence)s, %(stage)s,
    (SELECT count(*) FROM contacts c WHERE c.journey_id = j.id AND c.occurrence = %(occurrence)s),
    NULL, 'skipped', %(reason)s, '{}', '{}', %(at)s
FROM journeys j WHERE j.id = %(id)s
ON CONFLICT DO NOTHING"""


def columns(record: Record) -> dict[str, Any]:
    """The projection's columns of `journeys` that follow from the state."""
    state = record.state
    following = next_stage(record.terms, state)
    return {
        "id": record.id,
        "state": state.model_dump_json(),
        "seq": state.standing.seq,
        "closed": state.outcome is not None,
        "stage": state.stage,
        "next_stage": following[0] if following else None,
        "next_stage_at": following[1] if following else None,
        "outcome": state.outcome,
        "wake_at": record.wake_at,
        "closed_at": (record.closed_at or record.now) if state.outcome else None,
    }


async def write(tx: Connection, record: Record) -> None:
    """Store the record's state and facts; a journey that ended tells its account when the next one would start."""
    await tx.execute(_UPDATE, columns(record))
    await write_facts(tx, record)
    if isinstance(record.move, Finished):
        await tx.execute("UPDATE accounts SET enters_at = %s WHERE id = %s", [enters_after(record), record.account_id])


async def write_facts(tx: Connection, record: Record) -> None:
    """Store only the facts, and the steps that were skipped among the contacts."""
    async with tx.cursor() as cursor:
        if record.facts:
            lines = [(record.id, f.key, f.kind, f.actor, Jsonb(f.data), f.at) for f in record.facts]
            await cursor.executemany(_FACT, lines)
        if record.skipped:
            stages = {step.key: plan.stage for plan in record.terms.playbook.stages for step in plan.steps}
            await cursor.executemany(
                _SKIP,
                [
                    {
                        "id": record.id,
                        "step": skip.step,
                        "occurrence": skip.occurrence,
                        "stage": stages[skip.step],
                        "reason": skip.reason,
                        "at": record.now,
                    }
                    for skip in record.skipped
                ],
            )


def enters_after(record: Record) -> datetime | None:
    """When a cured or paid account would enter its next journey; other outcomes wait for a new decision of people."""
    standing = record.state.standing
    outcome = record.state.outcome
    return next_entry(record.terms.playbook, record.terms.zone, standing.balance, standing.oldest_due, outcome)


LAST_OUTCOME = """
(SELECT CASE WHEN j.outcome = 'restructured' AND EXISTS (SELECT FROM reliefs r
        WHERE r.journey_id = j.id AND r.kind = 'refinancing') THEN 'cured' ELSE j.outcome END
    FROM journeys j WHERE j.account_id = a.id ORDER BY j.episode DESC LIMIT 1) AS last_outcome"""
"""Of accounts `a`, to be read once their people are locked. After a refinancing the new dues start journeys anew."""


def next_entry(
    playbook: Playbook, zone: str, balance: Decimal, oldest_due: date | None, last: Outcome | None
) -> datetime | None:
    """When an account without a journey starts one (UTC); none where it owes less than the playbook treats.

    `last` is how its last journey ended: what people or the timeline decided holds until people decide anew.
    """
    if last not in (None, "cured", "paid") or oldest_due is None:
        return None
    if balance <= 0 or balance < playbook.minimum_balance:
        return None
    return entry(playbook, zone, oldest_due)
