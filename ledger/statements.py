"""Statements: what an account owes on a day and how that came about, as it is known now or as it was known then."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from journey.money import COMPONENTS, Place
from ledger.book import ACCOUNT, Book, account_of, read
from ledger.database import Ledger
from ledger.errors import NotFound
from ledger.views import plain


@dataclass(frozen=True, slots=True)
class Asked:
    """Which statement: at the end of the local day `on` (today), by what was known at `known_at` (now)."""

    creditor: str
    account: str
    on: date | None = None
    known_at: datetime | None = None


_LINES = """
SELECT o.id, o.kind, u.key AS due, o.component, o.amount, o.effective_at, o.booked_at, o.about,
    p.processor, p.external_id AS payment, o.credit_id AS credit
FROM postings o LEFT JOIN dues u ON u.id = o.due_id LEFT JOIN payments p ON p.id = o.payment_id
WHERE o.account_id = %s AND o.booked_at <= %s ORDER BY o.id"""


async def statement(ledger: Ledger, asked: Asked) -> dict[str, Any]:
    """Principal, interest and fees of each due, unapplied credit, and all postings. Reads only.

    Raises `NotFound` with `account.unknown`.
    """
    async with ledger.transaction() as tx:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")  # all of one moment
        row = await (
            await tx.execute(ACCOUNT + "a.creditor = %s AND a.key = %s", [asked.creditor, asked.account])
        ).fetchone()
        if row is None:
            raise NotFound("account.unknown", "no such account: import it first", "account")
        account = account_of(row)
        known_at = asked.known_at or account.now
        on = asked.on or account.today
        book = await read(tx, account, asked.known_at)
        lines = await (await tx.execute(_LINES, [account.id, known_at])).fetchall()
        return _shown(book, on, known_at, lines)


def _shown(book: Book, on: date, known_at: datetime, lines: list[dict[str, Any]]) -> dict[str, Any]:
    currency = book.account.currency
    reckoning = book.reckoned(on)
    charged: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for charge in book.charges():
        charged[charge.due, charge.component] += charge.amount
    for (due, _), accrued in reckoning.accrued.items():
        charged[due, "interest"] += accrued.amount
    credit = sum((places.get(None, Decimal(0)) for places in reckoning.paid.values()), Decimal(0))
    owes = book.owed(reckoning)
    return {
        "creditor": book.account.creditor,
        "account": book.account.key,
        "currency": currency,
        "on": on,
        "known_at": known_at,
        "balance": plain(owes.balance, currency),
        "past_due": plain(owes.past_due(on), currency),
        "unapplied_credit": plain(credit, currency),
        **{each: plain(reckoning.of(each), currency) for each in COMPONENTS},
        "dues": [_due(row, charged, reckoning.open, currency) for row in sorted(book.dues, key=_by_date)],
        "lines": [_line(line, currency) for line in lines],
    }


def _by_date(row: dict[str, Any]) -> tuple[date, int]:
    return row["due_date"], row["id"]


def _due(row: dict[str, Any], charged: dict[Place, Decimal], still_open: Any, currency: str) -> dict[str, Any]:
    owed = {each: still_open.get((row["id"], each), Decimal(0)) for each in COMPONENTS}
    asked = {each: charged[row["id"], each] for each in COMPONENTS}
    return {
        "due": row["key"],
        "due_date": row["due_date"],
        "charged": {each: plain(amount, currency) for each, amount in asked.items()},
        "open": {each: plain(amount, currency) for each, amount in owed.items()},
        "amount": plain(sum(asked.values(), Decimal(0)), currency),
        "balance": plain(sum(owed.values(), Decimal(0)), currency),
    }


def _line(line: dict[str, Any], currency: str) -> dict[str, Any]:
    return {**line, "amount": plain(line["amount"], currency)}


_CREDITS = """
SELECT c.id, c.kind, c.amount, c.currency, u.key AS due, c.components, c.reason, c.actor, c.effective_at,
    e.kind AS status, e.at AS status_at
FROM credits c JOIN accounts a ON a.id = c.account_id
JOIN LATERAL (SELECT kind, at FROM credit_events WHERE credit_id = c.id ORDER BY id DESC LIMIT 1) e ON true
LEFT JOIN dues u ON u.id = c.due_id
WHERE a.creditor = %s AND a.key = %s AND (%s::bigint IS NULL OR c.id = %s) ORDER BY c.id"""


async def list_credits(ledger: Ledger, creditor: str, account: str, number: int | None = None) -> list[dict[str, Any]]:
    """An account's credits without money, in the order in which they were issued; one by its number."""
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_CREDITS, [creditor, account, number, number])).fetchall()
    return [_line(row, row["currency"]) for row in rows]
