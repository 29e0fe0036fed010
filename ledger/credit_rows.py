"""What is written of credits without money: themselves, what became of them, and the postings that follow."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from journey.money import COMPONENTS, Component
from ledger.book import Account, Source, bring, read
from ledger.creditors import decimals
from ledger.database import Connection
from ledger.errors import NotFound
from ledger.record import Fact
from ledger.standing import Owed
from policy.errors import SendaError

CreditKind = Literal["credit_note", "waiver", "discount", "write_off"]
CreditStatus = Literal["issued", "applied", "undone"]


@dataclass(frozen=True, slots=True)
class NewCredit:
    """A credit to give. `due`: the key of the due that it is meant for; `effective_at`: since when it counts (now).

    `key` names the command: the same again changes nothing.
    """

    kind: CreditKind
    amount: Decimal
    reason: str
    key: str
    actor: str
    due: str | None = None
    components: tuple[Component, ...] = COMPONENTS
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """A credit that counts now, or does no more: what is owed then, and the fact for the record."""

    kind: CreditKind
    owes: Owed
    fact: Fact


_INSERT = """
INSERT INTO credits (account_id, kind, amount, currency, due_id, components, reason, key, actor, effective_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""

_EVENT = "INSERT INTO credit_events (credit_id, kind, key, actor, at) VALUES (%s, %s, %s, %s, %s)"


async def write_credit(tx: Connection, account: Account, new: NewCredit) -> int:
    """Note a credit that does not count yet; returns its number. Errors: `credit.amount_decimals`, `due.unknown`."""
    if new.amount != round(new.amount, decimals(account.currency)):
        raise SendaError("credit.amount_decimals", f"too many decimals for {account.currency}", field="amount")
    values = [
        account.id,
        new.kind,
        new.amount,
        account.currency,
        await _due(tx, account, new.due),
        list(new.components),
        new.reason,
        new.key,
        new.actor,
        new.effective_at or account.now,
    ]
    row = await (await tx.execute(_INSERT, values)).fetchone()
    assert row is not None
    await write_credit_event(tx, account, row["id"], "issued", new.key, new.actor)
    return row["id"]


async def write_credit_event(
    tx: Connection, account: Account, number: int, status: CreditStatus, command: str, actor: str
) -> None:
    """Note what became of a credit; postings do not follow."""
    await tx.execute(_EVENT, [number, status, command, actor, account.now])


async def change_credit(
    tx: Connection, account: Account, number: int, status: Literal["applied", "undone"], command: str, actor: str
) -> Changed:
    """Let a credit count, or count no more: its event, and the postings. The journey is told by the caller."""
    await write_credit_event(tx, account, number, status, command, actor)
    book = await read(tx, account)
    row = book.credits[number]
    source = Source(row["kind"] if status == "applied" else "undone", None, number, row["effective_at"])
    owes = await bring(tx, book, source)
    about = {"credit": number, "amount": row["amount"], "currency": account.currency, "balance": owes.balance}
    fact = Fact(f"{row['kind']}:{number}:{status}", f"{row['kind']}_{status}", account.now, about, actor)
    return Changed(row["kind"], owes, fact)


async def _due(tx: Connection, account: Account, key: str | None) -> int | None:
    if key is None:
        return None
    row = await (
        await tx.execute("SELECT id FROM dues WHERE account_id = %s AND key = %s", [account.id, key])
    ).fetchone()
    if row is None:
        raise NotFound("due.unknown", "the account has no due of this key", "due")
    return row["id"]
