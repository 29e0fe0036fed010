"""Mandates: by which debtors let a processor take money of an account, until they revoke them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from journey.debiting import refuse_cards
from ledger.commands import lock_account
from ledger.creditors import decimals
from ledger.database import Connection, Ledger
from ledger.errors import Conflict, NotFound
from ledger.record import Fact, open_record, write_facts
from ledger.views import Page, number_after, page_of, plain
from policy.errors import SendaError


@dataclass(frozen=True, slots=True)
class NewMandate:
    """A mandate to keep. `reference`: the processor's token of it; `most`: of a debit, in the account's currency.

    `proof`: where the debtor's word is kept; `key` names the command: the same again changes nothing.
    """

    processor: str
    reference: str
    most: Decimal | None
    proof: str
    key: str
    actor: str


_ACCOUNT = """
SELECT a.currency, coalesce(c.test_clock, clock_timestamp()) AS now
FROM accounts a JOIN creditors c ON c.key = a.creditor WHERE a.id = %s"""

_INSERT = """
INSERT INTO mandates (creditor, account_id, processor, reference, currency, most, proof, key, actor, given_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id"""

_EVENT = "INSERT INTO mandate_events (mandate_id, kind, reason, actor, at) VALUES (%s, %s, %s, %s, %s)"

_MANDATE = """
SELECT m.id, EXISTS (SELECT FROM mandate_events e WHERE e.mandate_id = m.id AND e.kind = 'revoked') AS revoked
FROM mandates m WHERE m.id = %s AND m.account_id = %s"""

_LIST = """
SELECT m.*, e.at AS revoked_at, e.actor AS revoked_by, e.reason
FROM mandates m LEFT JOIN mandate_events e ON e.mandate_id = m.id AND e.kind = 'revoked'
WHERE m.account_id = (SELECT id FROM accounts WHERE creditor = %(creditor)s AND key = %(account)s)
    AND m.id > %(after)s AND (%(number)s::bigint IS NULL OR m.id = %(number)s)
ORDER BY m.id LIMIT %(limit)s"""


async def give_mandate(ledger: Ledger, creditor: str, account: str, new: NewMandate) -> int:
    """Keep a mandate; returns its number. No debit follows from it alone.

    Errors: `mandate.looks_like_card`, `mandate.amount_decimals`, `account.unknown`.
    """
    refuse_cards(new.reference, "reference")
    refuse_cards(new.proof, "proof")
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        earlier = await (await tx.execute("SELECT id FROM mandates WHERE key = %s", [new.key])).fetchone()
        if earlier is not None:
            return earlier["id"]
        about = await _about(tx, account_id)
        currency, now = about["currency"], about["now"]
        if new.most is not None and new.most != round(new.most, decimals(currency)):
            raise SendaError("mandate.amount_decimals", f"too many decimals for {currency}", "most")
        values = (account_id, new.processor, new.reference, currency, new.most, new.proof, new.key, new.actor, now)
        row = await (await tx.execute(_INSERT, [creditor, *values])).fetchone()
        assert row is not None
        number: int = row["id"]
        await tx.execute(_EVENT, [number, "given", None, new.actor, now])
        data = {"mandate": number, "processor": new.processor, "most": new.most}
        await _note(tx, account_id, Fact(f"mandate:{number}:given", "mandate_given", now, data, new.actor))
    return number


async def revoke_mandate(
    ledger: Ledger, creditor: str, account: str, number: int, actor: str, reason: str | None
) -> None:
    """End a mandate: it takes nothing any more. Revoked again it stays as it is.

    What a processor was asked for before, it may still take. Errors: `account.unknown`, `mandate.unknown`.
    """
    async with ledger.transaction() as tx:
        account_id = await lock_account(tx, creditor, account)
        if (await _mandate(tx, account_id, number))["revoked"]:
            return
        now: datetime = (await _about(tx, account_id))["now"]
        await tx.execute(_EVENT, [number, "revoked", reason, actor, now])
        data = {"mandate": number, "reason": reason}
        await _note(tx, account_id, Fact(f"mandate:{number}:revoked", "mandate_revoked", now, data, actor))


async def require_mandate(tx: Connection, account_id: int, number: int) -> None:
    """See that an account has this mandate and it holds; the caller has locked the person.

    Errors: `mandate.unknown`; `Conflict` with `mandate.revoked`.
    """
    if (await _mandate(tx, account_id, number))["revoked"]:
        raise Conflict("mandate.revoked", "the mandate was revoked: it takes nothing any more", "mandate")


async def list_mandates(
    ledger: Ledger, creditor: str, account: str, cursor: str | None = None, limit: int = 100, number: int | None = None
) -> Page:
    """An account's mandates in the order in which they were given; one by its number."""
    after = number_after(cursor) if cursor is not None else 0
    about = {"creditor": creditor, "account": account, "after": after, "number": number, "limit": limit + 1}
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_LIST, about)).fetchall()
    return page_of([_shown(row) for row in rows], limit, "id")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    most = plain(row["most"], row["currency"]) if row["most"] is not None else None
    return {**row, "most": most, "status": "active" if row["revoked_at"] is None else "revoked"}


async def _mandate(tx: Connection, account_id: int, number: int) -> dict[str, Any]:
    row = await (await tx.execute(_MANDATE, [number, account_id])).fetchone()
    if row is None:
        raise NotFound("mandate.unknown", "the account has no mandate of this number", "mandate")
    return row


async def _about(tx: Connection, account_id: int) -> dict[str, Any]:
    row = await (await tx.execute(_ACCOUNT, [account_id])).fetchone()
    assert row is not None
    return row


async def _note(tx: Connection, account_id: int, fact: Fact) -> None:
    """The open journey's record has it, too; where none is open, the mandate's own events say it all."""
    record = await open_record(tx, account_id=account_id)
    if record is not None:
        record.facts.append(fact)
        await write_facts(tx, record)
