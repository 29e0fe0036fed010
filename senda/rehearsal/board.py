"""What a person sees while days go by: a live table in a terminal, otherwise a plain line now and then."""

from datetime import date, timedelta
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from senda.client import ImportStatus, Summary


class Board(Protocol):
    """Shows a run of many days. Use as a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def importing(self, status: ImportStatus) -> None: ...
    def day(self, day: date, summary: Summary) -> None: ...


def board_on(console: Console, line_every: timedelta) -> Board:
    """The board that suits the console. Lines come once in each `line_every` of business time."""
    return LiveBoard(console) if console.is_terminal else LineBoard(console, line_every)


class LiveBoard:
    """One table that changes in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def importing(self, status: ImportStatus) -> None:
        self._live.update(_import_text(status))

    def day(self, day: date, summary: Summary) -> None:
        table = Table(show_header=False, title=f"{day:%a %d %b %Y}", min_width=48)
        for name, value in _figures(summary).items():
            table.add_row(name, value)
        self._live.update(table)


class LineBoard:
    """Plain lines, for logs and pipes."""

    def __init__(self, console: Console, every: timedelta) -> None:
        self._console = console
        self._every = every
        self._next = date.min

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def importing(self, status: ImportStatus) -> None:
        if status.status == "done":
            self._console.print(_import_text(status), highlight=False)

    def day(self, day: date, summary: Summary) -> None:
        if day < self._next:
            return
        self._next = day + self._every
        figures = "  ".join(f"{name}: {value}" for name, value in _figures(summary).items())
        self._console.print(f"{day}  {figures}", highlight=False, soft_wrap=True)


def _import_text(status: ImportStatus) -> str:
    return f"Import {status.status}: {status.accepted:,} accounts, {status.started:,} journeys started"


def _figures(summary: Summary) -> dict[str, str]:
    journeys, contacts, payments = summary.journeys, summary.contacts, summary.payments
    stages = ", ".join(f"{count:,} {stage}" for stage, count in journeys.by_stage.items())
    return {
        "journeys open": f"{journeys.open:,}" + (f" ({stages})" if stages else ""),
        "closed": f"{journeys.total - journeys.open:,}",
        "contacts": f"{contacts.sent:,}",
        "payments": f"{payments.count:,}",
    }
