"""A file into the ledger of a creditor: good rows are sent as they are read, bad ones are collected."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from policy.errors import SendaError
from senda.client import ImportStatus, SendaClient
from senda.portfolio.accounts import account_of, line_of, open_due, settled_by
from senda.portfolio.mapping import Mapping
from senda.portfolio.rejections import LineNumbers, Rejections
from senda.portfolio.rows import BadRow, check_file, read_rows
from senda.portfolio.upload import upload


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows of the file: `accepted` and `rejected` add up to `rows`; `settled` were paid by today."""

    import_id: str
    rows: int
    accepted: int
    rejected: int
    settled: int
    started: int


class FileImport:
    """One run over one file. `read` and `settled` grow while it runs."""

    def __init__(self, path: Path, mapping: Mapping, rejections: Rejections) -> None:
        self._path = path
        self._mapping = mapping
        self._rejections = rejections
        self._numbers = LineNumbers()
        self.read = 0
        self.settled = 0

    async def run(self, client: SendaClient, creditor: str, watch: Callable[[ImportStatus], None]) -> Imported:
        """Import the file; raises `MappingError` before anything is sent, `ApiError`, `SendaError`."""
        summary = await client.summary(creditor)
        currency = summary.balance.currency
        if currency != self._mapping.currency:
            text = f"creditor {creditor} keeps books in {currency}, the mapping says {self._mapping.currency}"
            raise SendaError("import.currency_mismatch", text, "currency")
        check_file(self._path, self._mapping)
        today = summary.now.astimezone(ZoneInfo(self._mapping.time_zone)).date()
        status = await upload(client, creditor, self._lines(today), watch)
        rejected_here = self._rejections.count
        if status.rejected:
            async for problem in client.import_errors(status.import_id):
                row = self._numbers.row_of(problem.row)
                self._rejections.add(BadRow(row, problem.field or "row", problem.code, problem.text))
        return Imported(
            import_id=status.import_id,
            rows=self.read,
            accepted=status.accepted,
            rejected=rejected_here + status.rejected,
            settled=self.settled,
            started=status.started,
        )

    def _lines(self, today: date) -> Iterable[bytes]:
        for row in read_rows(self._path, self._mapping):
            self.read += 1
            if isinstance(row, BadRow):
                self._rejections.add(row)
                continue
            settled = settled_by(row, today)
            self.settled += settled
            self._numbers.sent(row.row)
            # A settled account owes nothing: nobody may be asked for what the file says was paid.
            yield line_of(account_of(row, self._mapping, [] if settled else open_due(row)))
