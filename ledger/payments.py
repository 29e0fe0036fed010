"""Payments, and what takes them back: kept once, posted, and told to the journey in the same transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from ledger.book import Account, Book, PaymentKind, apply, bring, lock, locked, read
from ledger.database import Connection, Ledger
from ledger.following import Followed, Told, follow
from ledger.record import Fact
from ledger.standing import Owed
from ledger.tasks import NewTask, add_task
from ledger.views import plain
from policy.errors import SendaError

Status = Literal["applied", "duplicate", "unapplied"]


@dataclass(frozen=True, slots=True)
class Payment:
    """What a processor tells: money that came, or went back. `amount` is positive, in `currency`.

    `kind`: all but `payment` take back what `reverses` names, which may itself be such a taking back. `due`: the key
    of the due that a payment is meant for; the oldest is paid first where none is named.
    """

    processor: str
    id: str
    kind: PaymentKind
    creditor: str
    account: str
    amount: Decimal
    currency: str
    paid_at: datetime
    reverses: str | None = None
    due: str | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a payment: `told` is for the engine; `opens` is an account that may start a journey now."""

    status: Status
    code: str | None = None
    told: Told | None = None
    opens: int | None = None


_ACCOUNTS_COMING = "SELECT pg_advisory_xact_lock_shared(hashtextextended('accounts:' || %s, 0))"
"""Waits for the batch of an import that may be bringing the account at this moment (`ledger/merging.py`)."""

_PAYMENT = """
INSERT INTO payments (processor, external_id, kind, creditor, account, amount, currency, paid_at, reverses, due)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id"""


async def post_payment(ledger: Ledger, payment: Payment) -> Posted:
    """Record a payment, or a taking back, once, and post it where its account is known; otherwise it stays unapplied.

    Raises `payment.currency_mismatch` for an account in another currency: nothing is written then.
    """
    async with ledger.transaction() as tx:
        account = await lock(tx, payment.creditor, payment.account)
        if account is None:
            await tx.execute(_ACCOUNTS_COMING, [payment.creditor])
            account = await lock(tx, payment.creditor, payment.account)
        if account is None:
            kept = await (await tx.execute(_PAYMENT, _values(payment))).fetchone()
            return Posted("unapplied", "payment.unknown_account") if kept else Posted("duplicate")
        if account.currency != payment.currency:
            raise SendaError(
                "payment.currency_mismatch",
                f"the account is kept in {account.currency}: send the payment in that currency",
                field="currency",
            )
        async with tx.pipeline():  # one round trip
            inserted = await tx.execute(_PAYMENT, _values(payment))
            book = await read(tx, account)
        kept = await inserted.fetchone()
        if kept is None:
            return Posted("duplicate")
        if not book.can_apply(kept["id"]):
            return Posted("unapplied", "payment.nothing_to_reverse")
        owes, done = await apply(tx, book, kept["id"])
        followed = await _follow(tx, book, owes, done)
        return Posted("applied", None, followed.told, followed.opens)


def _values(payment: Payment) -> list[Any]:
    return [
        payment.processor,
        payment.id,
        payment.kind,
        payment.creditor,
        payment.account,
        payment.amount,
        payment.currency,
        payment.paid_at,
        None if payment.kind == "payment" else payment.reverses,
        payment.due,
    ]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """An account whose money has met its dues. `followed`: what waiting payments meant for its journey; none: nothing
    waited."""

    owes: Owed
    followed: Followed | None


async def catch_up(tx: Connection, creditor: str, key: str) -> CaughtUp:
    """Post what waited for an account and let its credit pay what is new; called when an import brings its dues."""
    account = await locked(tx, creditor, key)
    book = await read(tx, account)
    waiting = book.waiting()
    if waiting is None:
        return CaughtUp(await bring(tx, book), None)
    owes, done = await apply(tx, book, waiting)
    return CaughtUp(owes, await _follow(tx, book, owes, done))


async def _follow(tx: Connection, book: Book, owes: Owed, done: Sequence[int]) -> Followed:
    facts = [_fact(book.account, book.payments[number], owes) for number in done]
    await _flag_overpayment(tx, book, owes, done[0])
    return await follow(tx, book.account, owes, book.payments[done[-1]]["kind"], facts)


def _fact(account: Account, row: dict[str, Any], owes: Owed) -> Fact:
    return Fact(
        f"{row['kind']}:{row['id']}",
        row["kind"],
        account.now,
        {
            "payment": row["external_id"],
            "amount": plain(row["amount"], row["currency"]),
            "currency": row["currency"],
            "balance": plain(owes.balance, row["currency"]),
            "paid_at": row["paid_at"],
        },
        actor=f"processor:{row['processor']}",
    )


async def _flag_overpayment(tx: Connection, book: Book, owes: Owed, payment: int) -> None:
    """A creditor that gives back what was paid too much gets a case for it."""
    if book.account.rules.overpayment == "refund" and owes.balance < 0 and book.payments[payment]["kind"] == "payment":
        task = NewTask(
            key=f"overpaid:{payment}",
            kind="case",
            reason="overpaid",
            creditor=book.account.creditor,
            account_id=book.account.id,
            person_id=None,
            journey_id=None,
        )
        await add_task(tx, task)
