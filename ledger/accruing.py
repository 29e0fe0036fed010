"""Late interest of the day: accounts whose interest is not posted up to today are brought up to date.

How far an account was brought is its row of `accruals`; a ceiling that was loaded since asks for it again, too, since
what accrued before changes with it. Whatever moves an account's money posts its interest by itself (`ledger/book.py`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ledger.book import bring, locked, read
from ledger.database import Ledger
from ledger.following import follow
from policy.calendar import local_date

_CREDITORS = """
SELECT c.key, c.time_zone, coalesce(c.test_clock, clock_timestamp()) AS now,
    (SELECT coalesce(max(v.id), 0) FROM reference_values v WHERE v.key = c.money#>>'{interest,ceiling}') AS known
FROM creditors c
WHERE c.money->'interest' <> 'null' AND CASE WHEN %(creditor)s::text IS NULL THEN c.test_clock IS NULL
    ELSE c.key = %(creditor)s END
ORDER BY c.key"""

_BEHIND = """
SELECT a.id, a.key,
    CASE WHEN x.values_through = %(known)s
        THEN EXISTS (SELECT FROM postings o JOIN dues d ON d.id = o.due_id
            WHERE o.account_id = a.id AND o.component = 'principal' AND d.due_date < %(today)s
            GROUP BY d.id HAVING sum(o.amount) > 0)
        ELSE EXISTS (SELECT FROM dues d WHERE d.account_id = a.id AND d.due_date < %(today)s)
    END AS bears
FROM accounts a LEFT JOIN accruals x ON x.account_id = a.id
WHERE a.creditor = %(creditor)s AND a.key > %(after)s
    AND (x.account_id IS NULL OR x.through < %(today)s OR x.values_through < %(known)s)
ORDER BY a.key LIMIT %(limit)s"""
"""Accounts that are behind, and whether interest may have changed: on open principal, or by a ceiling loaded since."""

_MARK = """
INSERT INTO accruals (account_id, through, values_through) SELECT unnest(%(accounts)s::bigint[]), %(today)s, %(known)s
ON CONFLICT (account_id) DO UPDATE SET through = greatest(accruals.through, excluded.through),
    values_through = greatest(accruals.values_through, excluded.values_through)"""


@dataclass(frozen=True, slots=True)
class _Of:
    """A creditor with interest. `known`: the last entry of its ceiling's reference values."""

    key: str
    time_zone: str
    now: datetime
    known: int

    @property
    def today(self) -> date:
        return local_date(self.now, self.time_zone)


async def accrue_due(ledger: Ledger, creditor: str | None = None, limit: int = 500) -> int:
    """Post the late interest that is lacking to the end of today (the debtor's local day).

    A journey learns it with its next contact or payment, not each day anew; at once where nothing is owed any more.
    Of one creditor, or of all on the real clock; `limit` accounts are read at a time. Returns how many accounts owe
    something else than before.
    """
    async with ledger.transaction() as tx:
        rows = await (await tx.execute(_CREDITORS, {"creditor": creditor})).fetchall()
    changed = 0
    for row in rows:
        of, after = _Of(**row), ""
        while page := await _behind(ledger, of, after, limit):
            after = page[-1]["key"]
            await _mark(ledger, of, [each["id"] for each in page if not each["bears"]])
            for each in page:
                if each["bears"]:
                    changed += await _accrue(ledger, of, each["key"])
    return changed


async def _behind(ledger: Ledger, of: _Of, after: str, limit: int) -> list[dict[str, Any]]:
    values = {"creditor": of.key, "today": of.today, "known": of.known, "after": after, "limit": limit}
    async with ledger.transaction() as tx:
        return await (await tx.execute(_BEHIND, values)).fetchall()


async def _mark(ledger: Ledger, of: _Of, accounts: list[int]) -> None:
    """These accounts bear no interest today."""
    if accounts:
        async with ledger.transaction() as tx:
            await tx.execute(_MARK, {"accounts": accounts, "today": of.today, "known": of.known})


async def _accrue(ledger: Ledger, of: _Of, key: str) -> bool:
    async with ledger.transaction() as tx:
        account = await locked(tx, of.key, key)
        book = await read(tx, account)
        before = sum(row["amount"] for row in book.posted)
        owes = await bring(tx, book)
        await tx.execute(_MARK, {"accounts": [account.id], "today": account.today, "known": of.known})
        if owes.balance == before:
            return False
        if owes.balance <= 0 or not owes.dues:
            await follow(tx, account, owes, "interest", [])
        return True
