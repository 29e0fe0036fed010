"""Refunds: what was paid too much goes back to the debtor, the newest payment's first."""

from collections.abc import Sequence
from decimal import Decimal

from ledger.book import Book, apply, locked, read
from ledger.creditors import decimals
from ledger.database import Ledger
from ledger.errors import Conflict
from ledger.following import Followed, follow
from ledger.record import Fact
from policy.errors import SendaError

_INSERT = """
INSERT INTO payments (processor, external_id, kind, creditor, account, amount, currency, paid_at, reverses)
VALUES (%s, %s, 'refund', %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"""

_DONE = "SELECT FROM payments WHERE creditor = %s AND account = %s AND kind = 'refund' AND external_id LIKE %s LIMIT 1"


async def refund(ledger: Ledger, creditor: str, key: str, amount: Decimal, command: str, actor: str) -> Followed:
    """Note that unapplied credit was given back: a taking back of the payments that it is left of, at this moment.

    The same command again changes nothing. Errors: `account.unknown`, `refund.amount_decimals`; conflict
    `refund.too_much`.
    """
    async with ledger.transaction() as tx:
        account = await locked(tx, creditor, key)
        if await (await tx.execute(_DONE, [creditor, key, f"refund:{command}:%"])).fetchone() is not None:
            return Followed()
        if amount != round(amount, decimals(account.currency)):
            raise SendaError("refund.amount_decimals", f"too many decimals for {account.currency}", field="amount")
        before = await read(tx, account)
        async with tx.cursor() as cursor:
            await cursor.executemany(_INSERT, _rows(before, _parts(before, amount), command))
        book = await read(tx, account)
        waiting = book.waiting()
        assert waiting is not None  # the first of the rows just written
        owes, done = await apply(tx, book, waiting)
        about = {"amount": amount, "currency": account.currency, "balance": owes.balance, "payments": done}
        fact = Fact(f"refund:{command}", "refund", account.now, about, actor)
        return await follow(tx, account, owes, "refund", [fact])


def _parts(book: Book, amount: Decimal) -> list[tuple[int, Decimal]]:
    """Which payments it is taken from, and how much of each."""
    unapplied = {
        int(key.partition(":")[2]): places[None]
        for key, places in book.reckoned().paid.items()
        if key.startswith("payment:") and None in places
    }
    newest_first = sorted(unapplied, key=lambda number: (book.payments[number]["paid_at"], number), reverse=True)
    parts: list[tuple[int, Decimal]] = []
    for number in newest_first:
        part = min(amount, unapplied[number])
        if part > 0:
            parts.append((number, part))
            amount -= part
    if amount > 0:
        left = sum(unapplied.values(), Decimal(0))
        raise Conflict("refund.too_much", f"{left} is left to give back: not more than that", "amount")
    return parts


def _rows(book: Book, parts: Sequence[tuple[int, Decimal]], command: str) -> list[list[object]]:
    account, rows = book.account, book.payments
    return [
        [
            rows[number]["processor"],
            f"refund:{command}:{number}",
            account.creditor,
            account.key,
            amount,
            account.currency,
            account.now,
            rows[number]["external_id"],
        ]
        for number, amount in parts
    ]
