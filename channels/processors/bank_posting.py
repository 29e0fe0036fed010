"""A bank file's rows into the ledger, under the processor `bank:{creditor}`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from channels.processors.bank_file import BadRow, BankMapping, BankRow, read_bank_file
from channels.processors.events import Whose
from channels.processors.taking import take_strictly
from ledger.database import Ledger
from ledger.payments import Posted
from ledger.processing import Keys, accounts_meant
from policy.errors import SendaError

ERRORS_SHOWN = 1000

AT_ONCE = 8
"""Rows posted side by side."""


@dataclass(slots=True)
class BankFileResult:
    """Counts of a file's rows; `applied`, `duplicates`, `unapplied` and `rejected` add up to `rows`."""

    rows: int = 0
    applied: int = 0
    duplicates: int = 0
    unapplied: int = 0
    rejected: int = 0
    errors: list[BadRow] = field(default_factory=list[BadRow])

    def reject(self, bad: BadRow) -> None:
        self.rejected += 1
        if len(self.errors) < ERRORS_SHOWN:
            self.errors.append(bad)


Tell = Callable[[Posted], Awaitable[None]]
"""What is done with each posting: the engine hears of it."""


async def post_bank_file(
    ledger: Ledger, creditor: str, mapping: BankMapping, body: bytes, tell: Tell
) -> BankFileResult:
    """Post every good row once. Raises what `read_bank_file` raises at its start; nothing is posted then."""
    rows = await asyncio.to_thread(lambda: list(read_bank_file(body, mapping)))
    good = [row for row in rows if isinstance(row, BankRow)]
    meant = await accounts_meant(ledger, creditor, list({row.account for row in good}))
    result = BankFileResult(rows=len(rows))
    free = asyncio.Semaphore(AT_ONCE)

    async def post(row: BankRow) -> BadRow | Posted:
        keys = meant.get(row.account, Keys(creditor, row.account))
        if keys.creditor != creditor:
            return BadRow(row.row, "account", "account_unknown", "the creditor has no such account")
        money = replace(row.money, whose=Whose(keys.creditor, keys.account))
        async with free:
            try:
                taken = await take_strictly(ledger, f"bank:{creditor}", money, creditor.__eq__)
            except SendaError as error:
                return BadRow(row.row, error.field or "row", error.code, error.message)
            await tell(taken.posted[0])
            return taken.posted[0]

    for row, done in zip(good, await asyncio.gather(*map(post, good)), strict=True):
        if isinstance(done, BadRow):
            rows[row.row - 1] = done
            continue
        match done.status:
            case "applied":
                result.applied += 1
            case "duplicate":
                result.duplicates += 1
            case "unapplied":
                result.unapplied += 1
    for row in rows:
        if isinstance(row, BadRow):
            result.reject(row)
    return result
