"""Credits without money: credit notes, waivers, discounts, write-offs; each counts from `applied` until undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from journey.money import COMPONENTS, Component
from journey.playbook import Outcome
from ledger.book import Account, Source, bring, locked, read
from ledger.creditors import decimals
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.following import Followed, follow
from ledger.record import Fact
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


NOTHING = Followed()


@dataclass(frozen=True, slots=True)
class Given:
    """A credit by its number, and what it meant for the journey."""

    id: int
    followed: Followed = NOTHING


_EARLIER = "SELECT credit_id FROM credit_events WHERE key = %s"

_INSERT = """
INSERT INTO credits (account_id, kind, amount, currency, due_id, components, reason, key, actor, effective_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""

_EVENT = "INSERT INTO credit_events (credit_id, kind, key, actor, at) VALUES (%s, %s, %s, %s, %s)"

_CREDIT = """
SELECT c.id, c.kind, c.amount, c.effective_at, e.kind AS status
FROM credits c JOIN LATERAL (
    SELECT kind FROM credit_events WHERE credit_id = c.id ORDER BY id DESC LIMIT 1) e ON true
WHERE c.account_id = %s AND c.id = %s AND c.kind = ANY(%s)"""


async def issue(ledger: Ledger, creditor: str, key: str, new: NewCredit) -> Given:
    """Note a credit that does not count yet. Errors: `account.unknown`, `due.unknown`, `credit.amount_decimals`."""
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        earlier = await _earlier(tx, new.key)
        return Given(earlier if earlier is not None else await _issue(tx, account, new))


async def give(ledger: Ledger, creditor: str, key: str, new: NewCredit) -> Given:
    """Issue a credit and apply it at once. Errors: those of `issue`."""
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        earlier = await _earlier(tx, new.key)
        return Given(earlier) if earlier is not None else await give_within(tx, account, new)


async def give_within(tx: Connection, account: Account, new: NewCredit) -> Given:
    """`give` inside the caller's transaction, under the person's lock."""
    number = await _issue(tx, account, new)
    return Given(number, await _apply(tx, account, number, new.key, new.actor))


async def apply_credit(ledger: Ledger, creditor: str, key: str, number: int, command: str, actor: str) -> Given:
    """Let an issued credit note count. Errors: `account.unknown`, `credit.unknown`; conflict `credit.not_issued`."""
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        row = await _credit(tx, account, number, ["credit_note"])
        if await _earlier(tx, command) is not None:
            return Given(number)
        if row["status"] != "issued":
            raise Conflict("credit.not_issued", f"the credit note is {row['status']}: issue a new one")
        return Given(number, await _apply(tx, account, number, command, actor))


async def undo(
    ledger: Ledger, creditor: str, key: str, number: int, kinds: Sequence[CreditKind], command: str, actor: str
) -> Given:
    """Take a credit back, applied or not. Errors: `account.unknown`, `credit.unknown`; conflict `credit.undone`."""
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        row = await _credit(tx, account, number, kinds)
        if await _earlier(tx, command) is not None:
            return Given(number)
        if row["status"] == "undone":
            raise Conflict("credit.undone", "it was taken back before")
        await tx.execute(_EVENT, [number, "undone", command, actor, account.now])
        if row["status"] == "issued":
            return Given(number)
        return Given(number, await _change(tx, account, number, "undone", actor))


async def write_off(ledger: Ledger, creditor: str, key: str, reason: str, command: str, actor: str) -> Given:
    """Write off all that an account owes today; its journey ends as `written_off`. Payments that still come count.

    They are recoveries: the write-off covers so much less. Conflict `credit.nothing_owed`.
    """
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        earlier = await _earlier(tx, command)
        if earlier is not None:
            return Given(earlier)
        owes = await bring(tx, await read(tx, account))
        if owes.balance <= 0:
            raise Conflict("credit.nothing_owed", "the account owes nothing: there is nothing to write off")
        return await give_within(tx, account, NewCredit("write_off", owes.balance, reason, command, actor))


async def _earlier(tx: Connection, key: str) -> int | None:
    row = await (await tx.execute(_EARLIER, [key])).fetchone()
    return row["credit_id"] if row else None


async def _credit(tx: Connection, account: Account, number: int, kinds: Sequence[CreditKind]) -> dict[str, Any]:
    row = await (await tx.execute(_CREDIT, [account.id, number, list(kinds)])).fetchone()
    if row is None:
        raise NotFound("credit.unknown", "the account has no such credit", "credit")
    return row


async def _issue(tx: Connection, account: Account, new: NewCredit) -> int:
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
    await tx.execute(_EVENT, [row["id"], "issued", new.key, new.actor, account.now])
    return row["id"]


async def _due(tx: Connection, account: Account, key: str | None) -> int | None:
    if key is None:
        return None
    row = await (
        await tx.execute("SELECT id FROM dues WHERE account_id = %s AND key = %s", [account.id, key])
    ).fetchone()
    if row is None:
        raise NotFound("due.unknown", "the account has no due of this key", "due")
    return row["id"]


async def _apply(tx: Connection, account: Account, number: int, command: str, actor: str) -> Followed:
    await tx.execute(_EVENT, [number, "applied", command, actor, account.now])
    return await _change(tx, account, number, "applied", actor)


async def _change(
    tx: Connection, account: Account, number: int, status: Literal["applied", "undone"], actor: str
) -> Followed:
    book = await read(tx, account)
    row = book.credits[number]
    kind = row["kind"] if status == "applied" else "undone"
    owes = await bring(tx, book, Source(kind, None, number, row["effective_at"]))
    name = f"{row['kind']}_{status}"
    about = {"credit": number, "amount": row["amount"], "currency": account.currency, "balance": owes.balance}
    fact = Fact(f"{row['kind']}:{number}:{status}", name, account.now, about, actor)
    outcome: Outcome | None = "written_off" if (row["kind"], status) == ("write_off", "applied") else None
    return await follow(
        tx, account, owes, row["kind"], [fact], outcome=outcome, anew=(row["kind"], status) == ("write_off", "undone")
    )
