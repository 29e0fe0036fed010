"""`senda policy …`: judge and explain cases in bulk, list the packs, print one, find what is wrong with packs."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from policy import (
    Finding,
    Language,
    Pack,
    SendaError,
    check_lines,
    explain_lines,
    lint,
    load_pack,
    pack_keys,
    pack_text,
    parse_pack,
)
from senda.auditing.command import audit
from senda.policy_page import print_page

app = typer.Typer(help="Contact rules: may this person be contacted now, and if not, when?", no_args_is_help=True)

app.command()(audit)

AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs instead of a page")]


@app.command()
def check() -> None:
    """Judge cases from standard input, one JSON object a line: one verdict a line on standard output."""
    _answer(verdict.encode() for verdict in check_lines(sys.stdin.buffer))


@app.command()
def explain(
    language: Annotated[Language, typer.Option(help="of the sentences")] = "es",
    as_text: Annotated[bool, typer.Option("--text", help="only the sentences, one line a case")] = False,
) -> None:
    """Judge cases like check, and say why in words."""
    verdicts = explain_lines(sys.stdin.buffer, language)
    _answer((_sentences(verdict).encode() for verdict in verdicts) if as_text else map(orjson.dumps, verdicts))


@app.command()
def packs(as_json: AsJson = False) -> None:
    """List the packs: key, version, status, validity, rules."""
    found = [load_pack(key) for key in pack_keys()]
    if as_json:
        typer.echo(orjson.dumps([_summary(pack) for pack in found]).decode())
        return
    table = Table("pack", "nombre / name", "version", "status", "valid from", "valid to", "rules", box=None)
    for pack in found:
        until = pack.valid_to.isoformat() if pack.valid_to else "–"
        count = str(len(pack.rules))
        table.add_row(pack.key, pack.name.es, pack.version, pack.status, str(pack.valid_from), until, count)
    Console().print(table)


@app.command()
def show(
    pack: Annotated[str, typer.Argument(help="a pack's key, such as CO, or a file, such as ./CO.yaml")],
    as_json: AsJson = False,
) -> None:
    """Print one pack: every rule with its parameters, wording, source and how far the source was read."""
    try:
        found = parse_pack(_read(Path(pack))) if "." in pack or "/" in pack else load_pack(pack)
    except SendaError as error:
        _fail(error)
    if as_json:
        typer.echo(found.model_dump_json())
        return
    print_page(Console(highlight=False), found)


@app.command("lint")
def lint_packs(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="none: the packs of Senda")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="as of this date; none: today")] = None,
    as_json: AsJson = False,
) -> None:
    """Find what is wrong with packs, or soon will be; exit code 1 where there are errors."""
    today = (on or datetime.now(UTC)).date()
    try:
        texts = {str(path): _read(path) for path in paths} if paths else {key: pack_text(key) for key in pack_keys()}
    except SendaError as error:
        _fail(error)
    found = [(name, finding) for name, text in texts.items() for finding in lint(text, today)]
    if as_json:
        typer.echo(orjson.dumps(_lint_record(len(texts), found)).decode())
    else:
        _print_findings(len(texts), found)
    if any(finding.level == "error" for _, finding in found):
        raise typer.Exit(1)


def _lint_record(count: int, found: Sequence[tuple[str, Finding]]) -> dict[str, Any]:
    levels = [finding.level for _, finding in found]
    return {
        "packs": count,
        "errors": levels.count("error"),
        "warnings": levels.count("warning"),
        "reviewed_by_counsel": 0,
        "findings": [{"source": name, **asdict(finding)} for name, finding in found],
    }


def _print_findings(count: int, found: Sequence[tuple[str, Finding]]) -> None:
    if found:
        table = Table("pack", "level", "place", "code", "message", box=None)
        for name, finding in found:
            cells = (name, finding.level, finding.place, finding.code, finding.message)
            table.add_row(*(Text(cell, overflow="fold") for cell in cells))
        Console().print(table)
    levels = [finding.level for _, finding in found]
    counts = [_counted(levels.count(level), level) for level in ("error", "warning") if level in levels]
    typer.echo(f"{_counted(count, 'pack')}, {', '.join(counts) or 'no findings'}; none is reviewed by counsel")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _answer(lines: Iterable[bytes]) -> None:
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
        out.flush()  # whoever feeds case by case sees each verdict at once; it costs a few microseconds


def _sentences(verdict: dict[str, Any]) -> str:
    error = verdict.get("error")
    return f"{error['code']}: {error['message']}" if error else verdict["explanation"]


def _read(path: Path) -> str:
    """Error: `policy.unreadable_file`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SendaError("policy.unreadable_file", f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SendaError("policy.unreadable_file", f"{path} is not text in UTF-8") from None


def _fail(error: SendaError) -> NoReturn:
    typer.echo(f"{error.code}: {error.message}", err=True)
    raise typer.Exit(2) from None


def _summary(pack: Pack) -> dict[str, Any]:
    return {
        "pack": pack.key,
        "name": pack.name.model_dump(),
        "version": pack.version,
        "status": pack.status,
        "valid_from": pack.valid_from,
        "valid_to": pack.valid_to,
        "reviewed_by_counsel": pack.reviewed_by_counsel,
        "content_hash": pack.content_hash,
        "rules": [rule.id for rule in pack.rules],
    }
