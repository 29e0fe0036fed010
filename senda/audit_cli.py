"""The commands `senda audit …`: is the record what was written, and what is to be notarised of it."""

from base64 import b64decode
from binascii import Error as NotBase64
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import orjson
import psycopg
import typer

from compliance.finding import Finding
from compliance.roots import DailyRoot
from compliance.verifying import Asked, Report, read_roots, verify
from policy.errors import SendaError

app = typer.Typer(help="Evidence: verify the record, export the roots of its days.", no_args_is_help=True)

Database = Annotated[
    str, typer.Option("--database", envvar="SENDA_DATABASE_URL", help="postgresql://user:password@host:port/name")
]


@app.command("verify")
def verify_command(
    database: Database,
    person: Annotated[str | None, typer.Option(help="only the person with this key")] = None,
    roots: Annotated[Path | None, typer.Option(help="roots exported earlier: the stored ones must be these")] = None,
    trust: Annotated[
        list[str] | None, typer.Option(help="a public key (hexadecimal) that may have signed; none: any; repeatable")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="that share the work")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as one JSON object")] = False,
) -> None:
    """Recompute every chain and every root from the rows themselves, and name what is not as it was written.

    The exit code is 1 where anything was found, 2 where nothing could be verified.
    """
    try:
        asked = Asked(person, _read(roots) if roots else (), frozenset(map(_public_key, trust or ())))
        report = verify(database, asked, processes=processes)
    except (SendaError, OSError, psycopg.Error) as error:
        typer.echo(f"senda: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(orjson.dumps(report.as_json()).decode())
    else:
        _show(report)
    raise typer.Exit(0 if report.is_sound else 1)


@app.command("roots")
def roots_command(
    database: Database,
    since: Annotated[str | None, typer.Option("--from", help="first day, as 2026-03-01")] = None,
    until: Annotated[str | None, typer.Option("--to", help="last day")] = None,
) -> None:
    """Print the signed roots of closed days, a JSON line each: keep them where Senda's administrators cannot reach."""
    try:
        first, last = _day(since) or date.min, _day(until) or date.max
        with psycopg.connect(database) as connection:
            for root in read_roots(connection):
                if first <= root.day <= last:
                    typer.echo(orjson.dumps(root.line()).decode())
    except (SendaError, psycopg.Error) as error:
        typer.echo(f"senda: {error}", err=True)
        raise typer.Exit(2) from None


def _read(file: Path) -> list[DailyRoot]:
    return [DailyRoot.of_line(line) for line in file.read_bytes().splitlines() if line.strip()]


def _public_key(text: str) -> bytes:
    """32 bytes in hexadecimal, or in base64."""
    try:
        key = bytes.fromhex(text) if len(text) == 64 else b64decode(text, validate=True)
    except (ValueError, NotBase64):
        key = b""
    if len(key) != 32:
        raise SendaError("audit.bad_key", f"{text!r} is no public key: 64 hexadecimal digits", "--trust")
    return key


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SendaError("audit.bad_day", f"{text!r} is no day: write it as 2026-03-01") from None


def _show(report: Report) -> None:
    typer.echo(
        f"{report.entries:,} entries, {report.rows:,} rows, {report.roots:,} closed days (last: {report.last_day})"
    )
    if report.waiting:
        typer.echo(f"{report.waiting:,} rows of the last minute are still to be chained")
    for name, key in report.keys.items():
        typer.echo(f"signed with {name}: {key}")
    if report.notarised:
        typer.echo(f"{report.notarised:,} notarised roots compared")
    for finding in report.findings:
        typer.echo(_sentence(finding))
    hidden = sum(report.counts.values()) - len(report.findings)
    if hidden:
        typer.echo(f"… and {hidden:,} more")
    kinds: dict[str, Any] = dict(report.counts)
    typer.echo("sound" if report.is_sound else "NOT SOUND: " + ", ".join(f"{n:,} {kind}" for kind, n in kinds.items()))


def _sentence(finding: Finding) -> str:
    where = f"{finding.source} {finding.row_id}" if finding.source else f"day {finding.day}"
    whose = f" of {finding.person}" if finding.person else ""
    return f"{finding.kind}: {where}{whose}: {finding.detail}"
