"""Drives a rehearsal: import, then noon of every payment day, its payments, and on to the next."""

import secrets
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from zoneinfo import ZoneInfo

from journey.playbook import Playbook
from policy.errors import SendaError
from senda.client import Posting, SendaClient
from senda.portfolio.accounts import account_of, line_of, open_due
from senda.portfolio.mapping import Mapping
from senda.portfolio.rows import BadRow, Receivable, read_rows
from senda.portfolio.upload import upload
from senda.rehearsal.board import Board
from senda.rehearsal.book import PaymentBook
from senda.rehearsal.disguise import Disguise
from senda.rehearsal.report import Lateness, Report
from senda.rehearsal.scope import Scope

NOON = clock_time(12)
SUMMARY_SECONDS = 2.0
"""A display needs no counts that are fresher than this, and counting costs the database."""


class Rehearsal:
    """One rehearsal of one file. Every run has a creditor and a playbook of its own in the installation."""

    def __init__(self, file: Path, mapping: Mapping, playbook: Playbook, scope: Scope) -> None:
        self._key = f"rehearsal-{secrets.token_hex(6)}"
        self._file = file
        self._mapping = mapping
        self._playbook = playbook.model_copy(update={"key": self._key})
        self._scope = scope
        self._zone = ZoneInfo(mapping.time_zone)

    async def run(self, client: SendaClient, board: Board) -> Report:
        """Run it to the last settled account. Raises `MappingError`, `ApiError`, `SendaError`."""
        began = time.monotonic()
        book = PaymentBook.read(self._rows())
        first, last = book.starts(self._playbook), book.ends(self._playbook)
        if first is None or last is None:
            raise SendaError("rehearsal.no_rows", "no row of the file can be used; `senda import` says why")
        await self._set_up(client, first)
        imported = await upload(client, self._key, self._lines(), board.importing)
        await self._live(client, book, board)
        # One moment later everything that the last payments set off has happened.
        await client.advance(self._key, self._noon(last) + timedelta(minutes=1))
        summary = await client.summary(self._key)
        board.day(last, summary)
        lateness = Lateness()
        await lateness.gather(client.journeys(self._key))
        return Report(
            rows=book.rows,
            rejected=book.rejected + imported.rejected,
            accounts=imported.accepted,
            lateness=lateness,
            contacts=summary.contacts.sent,
            contacts_after_payment=summary.contacts.after_clearing_payment,
            seconds=time.monotonic() - began,
        )

    async def _set_up(self, client: SendaClient, first: date) -> None:
        if self._mapping.pack is None:
            raise SendaError("mapping.invalid", "a rehearsal needs the mapping's pack, such as CO", "pack")
        await client.put_playbook(self._key, self._playbook.model_dump(mode="json"))
        creditor = {
            "name": "Rehearsal",
            "pack": self._mapping.pack,
            "currency": self._mapping.currency,
            "playbook": self._key,
            "time_zone": self._mapping.time_zone,
            "test_clock": datetime.combine(first, clock_time(), self._zone).isoformat(),
        }
        await client.put_creditor(self._key, creditor)

    async def _live(self, client: SendaClient, book: PaymentBook, board: Board) -> None:
        looked = 0.0
        for day in book.days():
            noon = self._noon(day)
            await client.advance(self._key, noon)
            await client.pay_all(self._postings(book, day, noon))
            if time.monotonic() - looked > SUMMARY_SECONDS:
                board.day(day, await client.summary(self._key))
                looked = time.monotonic()

    def _postings(self, book: PaymentBook, day: date, noon: datetime) -> Iterator[Posting]:
        for payment in book.payments_on(day):
            yield Posting(
                id=f"{self._key}:{payment.account}",
                creditor=self._key,
                account=payment.account,
                amount=payment.amount,
                currency=self._mapping.currency,
                paid_at=noon,
            )

    def _noon(self, day: date) -> datetime:
        return datetime.combine(day, NOON, self._zone)

    def _rows(self) -> Iterator[Receivable | BadRow]:
        return self._scope.of(read_rows(self._file, self._mapping))

    def _lines(self) -> Iterator[bytes]:
        disguise = Disguise(self._key)
        mapping = disguise.mapping(self._mapping)
        for row in self._rows():
            if isinstance(row, Receivable):
                yield line_of(account_of(disguise.receivable(row), mapping, open_due(row)))
