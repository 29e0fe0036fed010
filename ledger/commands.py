"""What people command a journey to do: pause, resume, close. The record decides; the engine is told.

A command carries a number: the same one again finds its own fact, changes nothing and tells nobody.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from journey.keeping import held_by
from journey.playbook import Outcome
from journey.state import Hold
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.following import Told, tell_engine
from ledger.holds import (
    LASTING,
    OF_PERSON,
    WEIGHT,
    Held,
    HoldKind,
    Noted,
    holds_on,
    lift,
    note_hold,
    was_lifted,
    was_noted,
)
from ledger.record import Fact, Record, open_record, write
from ledger.tasks import NewTask, add_task
from policy.errors import SendaError

_CASES = {
    "deceased": "Se informó que la persona falleció: nadie la contacta. Verifique el aviso y decida qué sigue.",
    "fraud": "Se informó un fraude: nadie contacta a la persona. Verifique el caso y decida qué sigue.",
}


@dataclass(frozen=True, slots=True)
class Pause:
    """No contacts from `starts` (now where none is given) until `ends`, or until resumed. `id` names the pause."""

    id: str
    starts: datetime | None
    ends: datetime | None
    reason: str
    kind: HoldKind = "requested"


async def pause(ledger: Ledger, creditor: str, account: str, order: Pause, actor: str) -> list[Told]:
    """Hold a journey, also from a past instant on: what was not performed since then stays unperformed.

    `deceased` and `fraud` hold all open journeys of the person at the creditor, and open a case. These and `legal_hold`
    need no open journey: they hold the next ones, too. Errors: `Conflict` with `journey.pause_overlaps` where another
    pause covers part of the time (one of the person lies over those of accounts, not over one of its own kind),
    `journey.not_open`; `journey.pause_backwards`. Agreements and disputes are no pauses: these may lie over them.
    """
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        if await was_noted(tx, account_id, order.id):
            return []
        if order.kind in LASTING:
            record = await open_record(tx, account_id=account_id)
        else:
            record = await record_to_command(tx, account_id)
        now = record.now if record else await _now(tx, creditor)
        hold = Hold(id=order.id, starts=order.starts or now, ends=order.ends)
        if hold.ends is not None and hold.ends <= hold.starts:
            raise SendaError("journey.pause_backwards", "'until' must come after 'from'", field="until")
        others = await _pauses(tx, account_id, record)
        if order.kind in OF_PERSON:
            others = [other for other in others if other.kind == order.kind]
        if any(_overlap(hold, other.hold) for other in others):
            raise Conflict("journey.pause_overlaps", "another pause covers part of this time: resume it first", "from")
        await note_hold(tx, Noted(creditor, account_id, order.kind, order.reason, hold, actor, now))
        if order.kind in OF_PERSON:
            await _open_case(tx, creditor, account_id, order)
        data = {"from": hold.starts, "until": hold.ends, "reason": order.reason, "kind": order.kind}
        fact = Fact(f"pause:{hold.id}", "paused", now, data, actor)
        records = await _records(tx, account_id) if order.kind in OF_PERSON else [record] if record else []
        return [await _tell(tx, each, "pause", fact, (*each.state.standing.holds, hold)) for each in records]


def _anything(_kind: HoldKind) -> None:
    """Every kind may be lifted."""


async def resume(
    ledger: Ledger,
    creditor: str,
    account: str,
    command_id: str,
    actor: str,
    kind: HoldKind | None = None,
    admit: Callable[[HoldKind], None] = _anything,
) -> list[Told]:
    """End the pause that holds now, of several the lightest, or the one of a `kind`; one of a person on all accounts.

    `admit` raises where the actor may not lift a kind. Raises `Conflict` with `journey.not_paused` where none holds.
    What an agreement or a dispute holds goes on: these are cancelled, and resolved.
    """
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        if await was_lifted(tx, account_id, command_id) or await _is_carried_out(
            tx, account_id, f"resume:{command_id}"
        ):
            return []
        record = await open_record(tx, account_id=account_id)
        now = record.now if record else await _now(tx, creditor)
        holding = [each for each in await _pauses(tx, account_id, record) if each.hold.covers(now)]
        if record is None and not holding:
            await record_to_command(tx, account_id)
        found = [each for each in holding if kind in (None, each.kind)]
        if not found:
            raise Conflict("journey.not_paused", "no such pause holds at this moment: there is nothing to resume")
        current = min(found, key=lambda each: WEIGHT.index(each.kind))
        admit(current.kind)
        if current.id is not None:
            await lift(tx, current.id, command_id, actor, now)
        fact = Fact(f"resume:{command_id}", "resumed", now, {"pause": current.key, "kind": current.kind}, actor)
        records = await _records(tx, account_id) if current.kind in OF_PERSON else [record] if record else []
        return [
            await _tell(tx, each, "resume", fact, _ended(each.state.standing.holds, current.key, now))
            for each in records
        ]


async def _pauses(tx: Connection, account_id: int, record: Record | None) -> list[Held]:
    """The pauses of the account's open journey, and those that last whether or not one is open."""
    noted = {held.key: held for held in await holds_on(tx, account_id)}
    lasting = {key: held for key, held in noted.items() if held.kind in LASTING}
    holds = record.state.standing.holds if record is not None else ()
    told = {
        hold.id: replace(noted.get(hold.id) or Held(None, hold.id, "requested", hold.starts, None), ends=hold.ends)
        for hold in holds
        if held_by(hold) == "pause"
    }
    return list({**lasting, **told}.values())


async def _records(tx: Connection, account_id: int) -> list[Record]:
    """The open journeys of the account's person at its creditor."""
    rows = await (await tx.execute(_OF_PERSON, [account_id])).fetchall()
    found = [await open_record(tx, account_id=row["account_id"]) for row in rows]
    return [record for record in found if record is not None]


async def _tell(tx: Connection, record: Record, kind: str, fact: Fact, holds: Sequence[Hold]) -> Told:
    record.facts.append(replace(fact, at=record.now))
    standing = record.tell(holds=holds)
    await write(tx, record)
    return await tell_engine(tx, record.id, kind, standing)


def _ended(holds: Sequence[Hold], key: str, now: datetime) -> list[Hold]:
    return [hold.model_copy(update={"ends": now}) if hold.id == key else hold for hold in holds]


async def _open_case(tx: Connection, creditor: str, account_id: int, order: Pause) -> None:
    key, note = f"hold:{account_id}:{order.id}", _CASES[order.kind]
    await add_task(tx, NewTask(key, "case", order.kind, creditor, account_id=account_id, note=note))


async def _now(tx: Connection, creditor: str) -> datetime:
    row = await (await tx.execute(_NOW, [creditor])).fetchone()
    assert row is not None
    return row["now"]


_NOW = "SELECT coalesce(test_clock, clock_timestamp()) AS now FROM creditors WHERE key = %s"

_OF_PERSON = """
SELECT j.account_id FROM journeys j JOIN accounts a ON a.person_id = j.person_id AND a.creditor = j.creditor
WHERE a.id = %s AND NOT j.closed ORDER BY j.id"""


async def close(
    ledger: Ledger, creditor: str, account: str, outcome: Outcome, command_id: str, actor: str
) -> Told | None:
    """End a journey with an outcome that people decide."""

    async def act(tx: Connection, record: Record) -> Told:
        record.facts.append(Fact(f"close:{command_id}", "closed", record.now, {"outcome": outcome}, actor))
        standing = record.tell(outcome=outcome)
        await write(tx, record)
        return await tell_engine(tx, record.id, "close", standing)

    return await _command(ledger, creditor, account, f"close:{command_id}", act)


_CARRIED_OUT = """
SELECT 1 AS found FROM journey_events e JOIN journeys j ON j.id = e.journey_id WHERE j.account_id = %s AND e.key = %s"""


async def _command(
    ledger: Ledger, creditor: str, account: str, fact: str, act: Callable[[Connection, Record], Awaitable[Told]]
) -> Told | None:
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        if await _is_carried_out(tx, account_id, fact):
            return None
        return await act(tx, await record_to_command(tx, account_id))


async def _is_carried_out(tx: Connection, account_id: int, fact: str) -> bool:
    return await (await tx.execute(_CARRIED_OUT, [account_id, fact])).fetchone() is not None


async def lock_account(tx: Connection, creditor: str, account: str) -> int:
    """Lock an account's person; returns the account's number. Raises `NotFound` with `account.unknown`."""
    row = await (
        await tx.execute(
            """
            SELECT a.id FROM accounts a JOIN people p ON p.id = a.person_id
            WHERE a.creditor = %s AND a.key = %s FOR UPDATE OF p""",
            [creditor, account],
        )
    ).fetchone()
    if row is None:
        raise NotFound("account.unknown", "no such account: import it first", "account")
    return row["id"]


async def record_to_command(tx: Connection, account_id: int) -> Record:
    """The open journey of an account whose person is locked; raises `Conflict` with `journey.not_open`."""
    record = await open_record(tx, account_id=account_id)
    if record is None:
        raise Conflict("journey.not_open", "the account has no open journey")
    return record


def _overlap(one: Hold, other: Hold) -> bool:
    """Half-open intervals: a pause may start where another ends."""
    return (other.ends is None or one.starts < other.ends) and (one.ends is None or other.starts < one.ends)
