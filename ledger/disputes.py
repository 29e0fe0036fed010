"""Disputes: the debtor says that the debt is wrong. Nobody is contacted about it until people have resolved it."""

from dataclasses import dataclass
from typing import Any, Literal

from journey.state import Hold
from ledger.agreements import Made, Word
from ledger.commands import lock_account, record_to_command
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.following import Told, tell_engine
from ledger.keeping import note
from ledger.record import Fact, Record, open_record, write

DisputeReason = Literal["not_mine", "already_paid", "wrong_amount", "fraud", "other"]
DisputeOutcome = Literal["upheld", "rejected", "withdrawn"]

_EARLIER = "SELECT id FROM disputes WHERE key = %s"

_OPEN = """
SELECT FROM disputes d WHERE d.account_id = %s
    AND NOT EXISTS (SELECT FROM dispute_resolutions r WHERE r.dispute_id = d.id)"""

_INSERT = """
INSERT INTO disputes (creditor, account_id, journey_id, reason, key, actor, origin, opened_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""


async def open_dispute(tx: Connection, record: Record, reason: DisputeReason, word: Word) -> Made:
    """Note that the debt is disputed, in the caller's transaction under its lock; the journey is held without end.

    An open agreement goes on beside it. The record is written here. Error: `Conflict` with `dispute.open`.
    """
    row = await (await tx.execute(_EARLIER, [word.key])).fetchone()
    if row is not None:
        return Made(row["id"], None)
    if await (await tx.execute(_OPEN, [record.account_id])).fetchone() is not None:
        raise Conflict("dispute.open", "a dispute is open: resolve it first")
    values = [
        record.terms.creditor,
        record.account_id,
        record.id,
        reason,
        word.key,
        word.actor,
        word.origin,
        record.now,
    ]
    row = await (await tx.execute(_INSERT, values)).fetchone()
    assert row is not None
    number: int = row["id"]
    about = {"dispute": number, "reason": reason, "origin": word.origin}
    record.facts.append(Fact(f"dispute:{number}", "dispute_opened", record.now, about, word.actor))
    hold = Hold(id=f"dispute:{number}", starts=record.now)
    standing = record.tell(holds=(*record.state.standing.holds, hold))
    await write(tx, record)
    return Made(number, await tell_engine(tx, record.id, "dispute", standing))


async def dispute(ledger: Ledger, creditor: str, account: str, reason: DisputeReason, word: Word) -> Made:
    """`open_dispute` for an account. Errors beside: `account.unknown`, `journey.not_open`."""
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        row = await (await tx.execute(_EARLIER, [word.key])).fetchone()
        if row is not None:
            return Made(row["id"], None)
        return await open_dispute(tx, await record_to_command(tx, account_id), reason, word)


@dataclass(frozen=True, slots=True)
class Resolution:
    """How people resolved a dispute. An outcome moves no money: what is upheld is adjusted by the creditor."""

    outcome: DisputeOutcome
    key: str
    actor: str


_DISPUTE = """
SELECT d.journey_id, r.key AS resolved_by, coalesce(c.test_clock, clock_timestamp()) AS now
FROM disputes d JOIN creditors c ON c.key = d.creditor LEFT JOIN dispute_resolutions r ON r.dispute_id = d.id
WHERE d.id = %s AND d.account_id = %s"""


async def resolve(ledger: Ledger, creditor: str, account: str, number: int, resolution: Resolution) -> Told | None:
    """Resolve a dispute: its steps wait no longer. The same command again changes nothing.

    Errors: `account.unknown`, `dispute.unknown`; `Conflict` with `dispute.resolved`.
    """
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        row = await (await tx.execute(_DISPUTE, [number, account_id])).fetchone()
        if row is None:
            raise NotFound("dispute.unknown", "the account has no dispute of this number", "dispute")
        if row["resolved_by"] is not None:
            if row["resolved_by"] == resolution.key:
                return None
            raise Conflict("dispute.resolved", "the dispute is resolved")
        return await _resolve(tx, account_id, row, number, resolution)


async def _resolve(
    tx: Connection, account_id: int, row: dict[str, Any], number: int, resolution: Resolution
) -> Told | None:
    record = await open_record(tx, account_id=account_id)
    now = record.now if record else row["now"]
    await tx.execute(
        "INSERT INTO dispute_resolutions (dispute_id, outcome, key, actor, at) VALUES (%s, %s, %s, %s, %s)",
        [number, resolution.outcome, resolution.key, resolution.actor, now],
    )
    about = {"dispute": number, "outcome": resolution.outcome}
    fact = Fact(f"dispute:{number}:resolved", "dispute_resolved", now, about, resolution.actor)
    if record is None:
        await note(tx, row["journey_id"], fact)
        return None
    record.facts.append(fact)
    holds = record.state.standing.holds
    name = f"dispute:{number}"
    standing = record.tell(holds=[hold.model_copy(update={"ends": now}) if hold.id == name else hold for hold in holds])
    await write(tx, record)
    return await tell_engine(tx, record.id, "dispute", standing)
