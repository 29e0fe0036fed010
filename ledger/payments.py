"""Payments and reversals: posted once, allocated, and told to the journey in the same transaction."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from journey.state import Standing
from ledger.allocation import Part, allocate, open_after, reverse
from ledger.database import Connection, Ledger
from ledger.keeping import after_payment
from ledger.record import LAST_OUTCOME, Fact, next_entry, open_record, playbook_of, write
from ledger.standing import OWED, Owed, owed, owed_of
from policy.errors import SendaError

Status = Literal["applied", "duplicate", "unapplied"]


@dataclass(frozen=True, slots=True)
class Payment:
    """What a processor tells: money that came, or went back. `amount` is positive, in `currency`."""

    processor: str
    id: str
    kind: Literal["payment", "reversal"]
    creditor: str
    account: str
    amount: Decimal
    currency: str
    paid_at: datetime
    reverses: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A standing that an open journey must learn; `outbox_id` is its row until the engine has taken it."""

    outbox_id: int
    journey_id: str
    kind: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a payment: `told` is for the engine; `opens` is an account that may start a journey now."""

    status: Status
    code: str | None = None
    told: Told | None = None
    opens: int | None = None


_ACCOUNT = """
SELECT a.id, a.currency, d.time_zones[1] AS zone, b.hash, b.content::text AS playbook,
    coalesce(c.test_clock, clock_timestamp()) AS now
FROM accounts a
JOIN people p ON p.id = a.person_id
JOIN debtors d ON d.id = a.debtor_id
JOIN creditors c ON c.key = a.creditor
JOIN current_playbooks b ON b.key = c.playbook
WHERE a.creditor = %s AND a.key = %s FOR UPDATE OF p"""

_ACCOUNTS_COMING = "SELECT pg_advisory_xact_lock_shared(hashtextextended('accounts:' || %s, 0))"
"""Waits for the batch of an import that may be bringing the account at this moment (`ledger/merging.py`)."""

_PAYMENT = """
INSERT INTO payments (processor, external_id, kind, creditor, account, amount, currency, paid_at, reverses)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id"""

_POSTING = """
INSERT INTO postings (account_id, due_id, kind, amount, currency, payment_id, effective_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""

_REVERSED = """
SELECT p.id, o.due_id, sum(o.amount) AS amount, min(o.id) AS first
FROM payments p JOIN postings o ON o.account_id = %(account)s AND (o.payment_id = p.id OR o.payment_id IN (
    SELECT r.id FROM payments r WHERE r.processor = p.processor AND r.reverses = p.external_id))
WHERE p.processor = %(processor)s AND p.external_id = %(id)s AND p.kind = 'payment'
GROUP BY p.id, o.due_id ORDER BY first"""

_LAST = f"SELECT {LAST_OUTCOME} FROM accounts a WHERE a.id = %s"

_WAITING = """
SELECT p.id, p.processor, p.external_id, p.kind, p.creditor, p.account, p.amount, p.currency, p.paid_at, p.reverses
FROM payments p
WHERE p.creditor = %s AND p.account = %s AND NOT EXISTS (SELECT FROM postings o WHERE o.payment_id = p.id)
ORDER BY p.kind, p.id"""


async def post_payment(ledger: Ledger, payment: Payment) -> Posted:
    """Record a payment or reversal once, and post it where its account is known; otherwise it stays unapplied.

    Raises `payment.currency_mismatch` for an account in another currency: nothing is written then.
    """
    async with ledger.transaction() as tx:
        account = await _find(tx, payment.creditor, payment.account)
        if account is None:
            await tx.execute(_ACCOUNTS_COMING, [payment.creditor])
            account = await _find(tx, payment.creditor, payment.account)
        if account is not None and account["currency"] != payment.currency:
            raise SendaError(
                "payment.currency_mismatch",
                f"the account is kept in {account['currency']}: send the payment in that currency",
                field="currency",
            )
        async with tx.pipeline():  # one round trip
            kept = await tx.execute(
                _PAYMENT,
                [
                    payment.processor,
                    payment.id,
                    payment.kind,
                    payment.creditor,
                    payment.account,
                    payment.amount,
                    payment.currency,
                    payment.paid_at,
                    payment.reverses,
                ],
            )
            owes = await tx.execute(OWED, [account["id"] if account else None])
        row = await kept.fetchone()
        if row is None:
            return Posted("duplicate")
        if account is None:
            return Posted("unapplied", "payment.unknown_account")
        posted = await _apply(tx, account, row["id"], payment, owed_of(await owes.fetchall()))
        if posted.status == "applied" and payment.kind == "payment":
            return await _apply_waiting(tx, account, payment, posted)
        return posted


async def _find(tx: Connection, creditor: str, account_key: str) -> dict[str, Any] | None:
    return await (await tx.execute(_ACCOUNT, [creditor, account_key])).fetchone()


async def apply_unapplied(tx: Connection, creditor: str, account_key: str) -> list[Posted]:
    """Post what waited for this account (payments before reversals); called when an import brings the account."""
    account = await _find(tx, creditor, account_key)
    if account is None:
        return []
    rows = await (await tx.execute(_WAITING, [creditor, account_key])).fetchall()
    payments = [(row["id"], _payment(row)) for row in rows if row["currency"] == account["currency"]]
    return [await _apply(tx, account, row_id, payment, await owed(tx, account["id"])) for row_id, payment in payments]


async def _apply_waiting(tx: Connection, account: dict[str, Any], payment: Payment, posted: Posted) -> Posted:
    """Post the reversals that came before the payment they reverse; the last standing is the one to tell."""
    rows = await (await tx.execute(_WAITING, [payment.creditor, payment.account])).fetchall()
    for row in rows:
        if row["processor"] == payment.processor and row["reverses"] == payment.id:
            after = await _apply(tx, account, row["id"], _payment(row), await owed(tx, account["id"]))
            posted = Posted("applied", None, after.told or posted.told, after.opens)
    return posted


def _payment(row: dict[str, Any]) -> Payment:
    return Payment(
        row["processor"],
        row["external_id"],
        row["kind"],
        row["creditor"],
        row["account"],
        row["amount"],
        row["currency"],
        row["paid_at"],
        row["reverses"],
    )


async def _apply(tx: Connection, account: dict[str, Any], payment_id: int, payment: Payment, before: Owed) -> Posted:
    if payment.kind == "payment":
        parts = allocate(payment.amount, before.dues)
        dues = open_after(before.dues, parts)
    else:
        parts = await _parts_to_reverse(tx, account["id"], payment)
        if not parts:
            return Posted("unapplied", "payment.nothing_to_reverse")
        dues = None
    async with tx.cursor() as cursor:
        await cursor.executemany(
            _POSTING,
            [
                (
                    account["id"],
                    p.due_id,
                    payment.kind,
                    p.amount,
                    payment.currency,
                    payment_id,
                    payment.paid_at,
                )
                for p in parts
            ],
        )
    after = Owed(before.balance - payment.amount, tuple(dues)) if dues is not None else await owed(tx, account["id"])
    return await _tell(tx, account, payment, payment_id, after)


async def _parts_to_reverse(tx: Connection, account_id: int, payment: Payment) -> list[Part]:
    rows = await (
        await tx.execute(_REVERSED, {"account": account_id, "processor": payment.processor, "id": payment.reverses})
    ).fetchall()
    return reverse(payment.amount, [Part(row["due_id"], row["amount"]) for row in rows if row["amount"] < 0])


async def _tell(tx: Connection, account: dict[str, Any], payment: Payment, payment_id: int, after: Owed) -> Posted:
    record = await open_record(tx, account_id=account["id"])
    if record is None:
        await after_payment(tx, account["id"], after.balance, None, account["now"])
        book = playbook_of(account["hash"], account["playbook"])
        last = await (await tx.execute(_LAST, [account["id"]])).fetchone()
        outcome = last["last_outcome"] if last else None
        enters_at = next_entry(book, account["zone"], after.balance, after.oldest_due, outcome)
        await tx.execute("UPDATE accounts SET enters_at = %s WHERE id = %s", [enters_at, account["id"]])
        due_now = enters_at is not None and enters_at <= account["now"]
        return Posted("applied", opens=account["id"] if due_now else None)
    record.facts.append(
        Fact(
            f"{payment.kind}:{payment_id}",
            payment.kind,
            record.now,
            {
                "payment": payment.id,
                "amount": payment.amount,
                "currency": payment.currency,
                "balance": after.balance,
                "paid_at": payment.paid_at,
            },
            actor=f"processor:{payment.processor}",
        )
    )
    holds = await after_payment(tx, record.account_id, after.balance, record, record.now)
    standing = record.tell(balance=after.balance, oldest_due=after.oldest_due, holds=holds)
    await write(tx, record)
    return Posted("applied", told=await tell_engine(tx, record.id, payment.kind, standing))


async def tell_engine(tx: Connection, journey_id: str, kind: str, standing: Standing) -> Told:
    """Put a standing in the outbox: whatever happens after the commit, the engine will be told."""
    cursor = await tx.execute(
        "INSERT INTO outbox (journey_id, kind, message) VALUES (%s, %s, %s) RETURNING id",
        [journey_id, kind, Jsonb(standing)],
    )
    row = await cursor.fetchone()
    assert row is not None
    return Told(row["id"], journey_id, kind, standing)
