"""What people command a journey to do: pause, resume, close. The record decides; the engine is told.

A command carries a number: the same one again finds its own fact, changes nothing and answers none.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from journey.keeping import held_by
from journey.playbook import Outcome
from journey.state import Hold
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.payments import Told, tell_engine
from ledger.record import Fact, Record, open_record, write
from policy.errors import SendaError


@dataclass(frozen=True, slots=True)
class Pause:
    """No contacts from `starts` (now where none is given) until `ends`, or until resumed. `id` names the pause."""

    id: str
    starts: datetime | None
    ends: datetime | None
    reason: str


async def pause(ledger: Ledger, creditor: str, account: str, order: Pause, actor: str) -> Told | None:
    """Hold a journey; raises `Conflict` with `journey.pause_overlaps` where another pause covers part of the time.

    Agreements and disputes are no pauses: these may lie over them.
    """

    async def act(tx: Connection, record: Record) -> Told:
        hold = Hold(id=order.id, starts=order.starts or record.now, ends=order.ends)
        if hold.ends is not None and hold.ends <= hold.starts:
            raise SendaError("journey.pause_backwards", "'until' must come after 'from'", field="until")
        holds = record.state.standing.holds
        if any(_overlap(hold, other) for other in holds if held_by(other) == "pause"):
            raise Conflict("journey.pause_overlaps", "another pause covers part of this time: resume it first", "from")
        fact = {"from": hold.starts, "until": hold.ends, "reason": order.reason}
        record.facts.append(Fact(f"pause:{hold.id}", "paused", record.now, fact, actor))
        standing = record.tell(holds=(*holds, hold))
        await write(tx, record)
        return await tell_engine(tx, record.id, "pause", standing)

    return await _command(ledger, creditor, account, f"pause:{order.id}", act)


async def resume(ledger: Ledger, creditor: str, account: str, command_id: str, actor: str) -> Told | None:
    """End the pause that holds now; raises `Conflict` with `journey.not_paused` where none does.

    What an agreement or a dispute holds goes on: these are cancelled, and resolved.
    """

    async def act(tx: Connection, record: Record) -> Told:
        holds = record.state.standing.holds
        pauses = (hold for hold in holds if held_by(hold) == "pause")
        current = next((hold for hold in pauses if hold.covers(record.now)), None)
        if current is None:
            raise Conflict("journey.not_paused", "no pause holds at this moment: there is nothing to resume")
        ended = current.model_copy(update={"ends": record.now})
        record.facts.append(Fact(f"resume:{command_id}", "resumed", record.now, {"pause": current.id}, actor))
        standing = record.tell(holds=[ended if hold.id == current.id else hold for hold in holds])
        await write(tx, record)
        return await tell_engine(tx, record.id, "resume", standing)

    return await _command(ledger, creditor, account, f"resume:{command_id}", act)


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
        if await (await tx.execute(_CARRIED_OUT, [account_id, fact])).fetchone() is not None:
            return None
        return await act(tx, await record_to_command(tx, account_id))


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
