"""`senda rehearse`: a file with known payment dates, through real journeys under a test clock."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from journey.playbook import read_playbook
from senda.client import Endpoints, Remote, SendaClient
from senda.portfolio.mapping import load_mapping
from senda.rehearsal.board import board_on
from senda.rehearsal.report import Report
from senda.rehearsal.run import Rehearsal
from senda.rehearsal.scope import Scope
from senda.stack import Stack

app = typer.Typer(add_completion=False)
LINE_EVERY = timedelta(days=30)
DAY_FORMATS = ["%Y-%m-%d"]


@app.command()
def rehearse(
    file: Annotated[Path, typer.Argument(help="CSV file with a header", exists=True, dir_okay=False)],
    mapping: Annotated[Path, typer.Option(help="YAML that names the columns", exists=True, dir_okay=False)],
    playbook: Annotated[Path, typer.Option(help="YAML of the timeline", exists=True, dir_okay=False)],
    due_from: Annotated[datetime | None, typer.Option(help="first due date", formats=DAY_FORMATS)] = None,
    due_to: Annotated[datetime | None, typer.Option(help="last due date", formats=DAY_FORMATS)] = None,
    limit: Annotated[int | None, typer.Option(help="take the first good rows only", min=1)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the figures as one JSON object")] = False,
    api: Annotated[
        str | None, typer.Option(envvar="SENDA_API", help="a running installation; none: one just for this")
    ] = None,
    api_key: Annotated[str, typer.Option(envvar="SENDA_API_KEY", help="an admin's key for --api")] = "",
    processor_secret: Annotated[
        str, typer.Option(envvar="SENDA_PROCESSOR_SECRET", help="whsec_… of the generic processor for --api")
    ] = "",
) -> None:
    """Run receivables with known payment dates through real journeys. Nobody real is contacted."""
    console = Console(stderr=True, quiet=as_json)
    rehearsal = Rehearsal(
        file,
        load_mapping(mapping),
        read_playbook(playbook.read_bytes()),
        Scope(_day(due_from), _day(due_to), limit),
    )
    remote = Remote(api, api_key, processor_secret) if api else None
    report = asyncio.run(_run(rehearsal, remote, console))
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        _show(report)


async def _run(rehearsal: Rehearsal, remote: Remote | None, console: Console) -> Report:
    async with installation(remote, console) as endpoints, SendaClient(endpoints) as client:
        with board_on(console, LINE_EVERY) as board:
            return await rehearsal.run(client, board)


@asynccontextmanager
async def installation(remote: Remote | None, console: Console) -> AsyncGenerator[Endpoints]:
    """The installation that was named, or one on this machine that lasts as long as the block."""
    if remote is not None:
        yield remote
        return
    console.print("Starting Temporal, Postgres, the API and a worker …")
    async with Stack() as stack:
        yield stack.endpoints


def _day(value: datetime | None) -> date | None:
    return value.date() if value else None


def _show(report: Report) -> None:
    table = Table("", "", show_header=False, title="Rehearsal")
    for name, value in report.as_json().items():
        if isinstance(value, dict):
            continue
        table.add_row(name.replace("_", " "), str(value))
    for days, accounts in report.as_json()["cured_within"].items():
        table.add_row(f"cured within {days} days", str(accounts))
    Console().print(table)
