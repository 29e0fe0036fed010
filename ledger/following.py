"""What a change of an account's money means for its journey: told in the same transaction, whatever caused it."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from journey.playbook import Outcome
from journey.state import Standing
from ledger.book import Account
from ledger.database import Connection
from ledger.record import LAST_OUTCOME, Fact, Record, next_entry, open_record, playbook_of, write
from ledger.relief_keeping import settle_money
from ledger.standing import Owed


@dataclass(frozen=True, slots=True)
class Told:
    """A standing that an open journey must learn; `outbox_id` is its row until the engine has taken it."""

    outbox_id: int
    journey_id: str
    kind: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Followed:
    """What to tell the engine of an open journey, or which account may start one now."""

    told: Told | None = None
    opens: int | None = None


_LAST = f"SELECT {LAST_OUTCOME} FROM accounts a WHERE a.id = %s"


async def follow(
    tx: Connection,
    account: Account,
    owes: Owed,
    kind: str,
    facts: Sequence[Fact],
    *,
    outcome: Outcome | None = None,
    anew: bool = False,
) -> Followed:
    """Let agreements, reliefs and the journey know what is owed now. `facts` go to the open journey's record.

    `outcome` ends the journey. Without one, the account gets the day on which its next journey starts; `anew`: also
    where people had ended the last one.
    """
    record = await open_record(tx, account_id=account.id)
    if record is not None:
        return await _follow_record(tx, account, record, owes, kind, facts, outcome)
    owes, _ = await settle_money(tx, account, owes, None)
    book = playbook_of(account.playbook_hash, account.playbook)
    row = await (await tx.execute(_LAST, [account.id])).fetchone()
    last = row["last_outcome"] if row and not anew else None
    enters_at = next_entry(book, account.zone, owes.balance, owes.oldest_due, last)
    await tx.execute("UPDATE accounts SET enters_at = %s WHERE id = %s", [enters_at, account.id])
    return Followed(opens=account.id if enters_at is not None and enters_at <= account.now else None)


async def _follow_record(
    tx: Connection,
    account: Account,
    record: Record,
    owes: Owed,
    kind: str,
    facts: Sequence[Fact],
    outcome: Outcome | None,
) -> Followed:
    record.facts.extend(facts)
    owes, holds = await settle_money(tx, account, owes, record)
    standing = record.tell(balance=owes.balance, oldest_due=owes.oldest_due, holds=holds, outcome=outcome)
    await write(tx, record)
    return Followed(told=await tell_engine(tx, record.id, kind, standing))


async def tell_engine(tx: Connection, journey_id: str, kind: str, standing: Standing) -> Told:
    """Put a standing in the outbox: whatever happens after the commit, the engine will be told."""
    cursor = await tx.execute(
        "INSERT INTO outbox (journey_id, kind, message) VALUES (%s, %s, %s) RETURNING id",
        [journey_id, kind, Jsonb(standing)],
    )
    row = await cursor.fetchone()
    assert row is not None
    return Told(row["id"], journey_id, kind, standing)
