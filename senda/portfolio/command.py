"""`senda import`: a file of receivables into a creditor's ledger."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from senda.client import ImportStatus, Remote, SendaClient
from senda.portfolio.importing import FileImport, Imported
from senda.portfolio.mapping import Mapping, load_mapping
from senda.portfolio.rejections import Rejections, collected

app = typer.Typer(add_completion=False)
progress_console = Console(stderr=True)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV file with a header", exists=True, dir_okay=False)],
    creditor: Annotated[str, typer.Option(help="key of the creditor, which must exist")],
    mapping: Annotated[Path, typer.Option(help="YAML that names the columns", exists=True, dir_okay=False)],
    api: Annotated[str, typer.Option(envvar="SENDA_API", help="address of the API")],
    api_key: Annotated[str, typer.Option(envvar="SENDA_API_KEY", help="an operator's key")],
    errors: Annotated[Path | None, typer.Option(help="write every rejected row to this CSV file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the counts as one JSON object")] = False,
) -> None:
    """Import a file of receivables; bad rows are reported and never stop the good ones."""
    described = load_mapping(mapping)
    with collected(errors) as rejections:
        imported = asyncio.run(_run(file, described, creditor, Remote(api, api_key), rejections))
    if as_json:
        typer.echo(json.dumps(asdict(imported)))
    else:
        _show(imported, rejections, errors)
    raise typer.Exit(0 if imported.accepted else 1)


class _RowsRead(ProgressColumn):
    """How many rows of the file were read."""

    def __init__(self, run: FileImport) -> None:
        super().__init__()
        self._run = run

    def render(self, task: Task) -> Text:
        return Text(f"{self._run.read:,} rows")


async def _run(file: Path, mapping: Mapping, creditor: str, remote: Remote, rejections: Rejections) -> Imported:
    run = FileImport(file, mapping, rejections)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), _RowsRead(run), TimeElapsedColumn())
    with Progress(*columns, console=progress_console, transient=True) as progress:
        task = progress.add_task("Reading and sending rows")

        def watch(status: ImportStatus) -> None:
            text = f"{status.status}: {status.accepted:,} accepted, {status.started:,} journeys started"
            progress.update(task, description=text)

        async with SendaClient(remote) as client:
            return await run.run(client, creditor, watch)


def _show(imported: Imported, rejections: Rejections, errors: Path | None) -> None:
    console = Console()
    counts = Table(show_header=False, title=f"Import {imported.import_id}")
    counts.add_row("rows", f"{imported.rows:,}")
    counts.add_row("accepted", f"{imported.accepted:,}")
    counts.add_row("  of which paid by today", f"{imported.settled:,}")
    counts.add_row("rejected", f"{imported.rejected:,}")
    counts.add_row("journeys started", f"{imported.started:,}")
    console.print(counts)
    if not rejections.count:
        return
    reasons = Table("code", "rows", title="Why rows were rejected")
    for code, rows in rejections.by_code.most_common():
        reasons.add_row(code, f"{rows:,}")
    console.print(reasons)
    first = Table("row", "field", "code", "text", title="The first of them")
    for bad in rejections.first:
        first.add_row(str(bad.row), bad.field, bad.code, bad.text)
    console.print(first)
    console.print(f"All of them: {errors}" if errors else "Write them all to a file with --errors FILE.")
