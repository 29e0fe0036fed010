"""Credits without money: credit notes, waivers, discounts, write-offs; each counts from `applied` until undone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from journey.playbook import Outcome
from ledger.agreement_rows import Word
from ledger.agreements import cancel_within
from ledger.book import Account, bring, locked, read
from ledger.credit_rows import CreditKind, CreditStatus, NewCredit, change_credit, write_credit, write_credit_event
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.following import Followed, follow
from ledger.keeping import agreements_of
from ledger.record import open_record

__all__ = [
    "CreditKind",
    "CreditStatus",
    "Given",
    "NewCredit",
    "apply_credit",
    "give",
    "give_within",
    "issue",
    "undo",
    "write_off",
]

NOTHING = Followed()


@dataclass(frozen=True, slots=True)
class Given:
    """A credit by its number, and what it meant for the journey."""

    id: int
    followed: Followed = NOTHING


_EARLIER = "SELECT credit_id FROM credit_events WHERE key = %s"

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
        return Given(earlier if earlier is not None else await write_credit(tx, account, new))


async def give(ledger: Ledger, creditor: str, key: str, new: NewCredit) -> Given:
    """Issue a credit and apply it at once. Errors: those of `issue`."""
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        earlier = await _earlier(tx, new.key)
        return Given(earlier) if earlier is not None else await give_within(tx, account, new)


async def give_within(tx: Connection, account: Account, new: NewCredit) -> Given:
    """`give` inside the caller's transaction, under the person's lock."""
    number = await write_credit(tx, account, new)
    return Given(number, await _change(tx, account, number, "applied", new.key, new.actor))


async def apply_credit(ledger: Ledger, creditor: str, key: str, number: int, command: str, actor: str) -> Given:
    """Let an issued credit note count. Errors: `account.unknown`, `credit.unknown`; conflict `credit.not_issued`."""
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        row = await _credit(tx, account, number, ["credit_note"])
        if await _earlier(tx, command) is not None:
            return Given(number)
        if row["status"] != "issued":
            raise Conflict("credit.not_issued", f"the credit note is {row['status']}: issue a new one")
        return Given(number, await _change(tx, account, number, "applied", command, actor))


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
        if row["status"] == "issued":
            await write_credit_event(tx, account, number, "undone", command, actor)
            return Given(number)
        return Given(number, await _change(tx, account, number, "undone", command, actor))


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
        await _end_agreements(tx, account, command, actor)
        return await give_within(tx, account, NewCredit("write_off", owes.balance, reason, command, actor))


async def _end_agreements(tx: Connection, account: Account, command: str, actor: str) -> None:
    """What was agreed on is neither kept nor broken by a write-off: it is cancelled."""
    record = await open_record(tx, account_id=account.id)
    for agreement in await agreements_of(tx, [account.id]):
        if agreement.status == "open" and agreement.until > account.now:
            word = Word(f"{command}:{agreement.hold_id}", actor)
            await cancel_within(tx, account.id, record, account.now, agreement.kind, agreement.id, word)


async def _earlier(tx: Connection, key: str) -> int | None:
    row = await (await tx.execute(_EARLIER, [key])).fetchone()
    return row["credit_id"] if row else None


async def _credit(tx: Connection, account: Account, number: int, kinds: Sequence[CreditKind]) -> dict[str, Any]:
    row = await (await tx.execute(_CREDIT, [account.id, number, list(kinds)])).fetchone()
    if row is None:
        raise NotFound("credit.unknown", "the account has no such credit", "credit")
    return row


async def _change(
    tx: Connection, account: Account, number: int, status: Literal["applied", "undone"], command: str, actor: str
) -> Followed:
    changed = await change_credit(tx, account, number, status, command, actor)
    outcome: Outcome | None = "written_off" if (changed.kind, status) == ("write_off", "applied") else None
    anew = (changed.kind, status) == ("write_off", "undone")
    return await follow(tx, account, changed.owes, changed.kind, [changed.fact], outcome=outcome, anew=anew)
