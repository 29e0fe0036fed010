"""The command `senda policy audit`."""

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from policy import Language, Pack, SendaError, load_pack, memory, pack_keys, parse_pack
from senda.auditing.judging import Audit, Judge
from senda.auditing.period import Period
from senda.client import Remote, SendaClient

SHOWN = 20
"""How many contacts the table shows; `--out` writes all of them."""


def audit(
    since: Annotated[str, typer.Option("--from", help="first day (2026-01-01), or an instant with offset")],
    until: Annotated[str, typer.Option("--to", help="last day, or an instant with offset")],
    api: Annotated[str, typer.Option(envvar="SENDA_API", help="address of the API")],
    api_key: Annotated[str, typer.Option(envvar="SENDA_API_KEY", help="a key of compliance, for one")],
    pack: Annotated[str | None, typer.Option(help="a file or a key; none: the packs that decided")] = None,
    creditor: Annotated[str | None, typer.Option(help="only this creditor's contacts")] = None,
    zone: Annotated[str | None, typer.Option(help="of the days; none: the creditor's own")] = None,
    language: Annotated[Language, typer.Option(help="of the explanations")] = "es",
    out: Annotated[Path | None, typer.Option(help="write every finding to this file, a JSON line each")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the counts as one JSON object")] = False,
) -> None:
    """Judge every recorded contact again: what would this pack, also one not yet in force, have refused?

    Each is judged on the log as it was. Without --pack by the very packs that decided it: then a difference means
    that the record does not stand, and the exit code is 1; it is 2 where nothing could be judged.
    """
    try:
        judged_by = _pack(pack)
        with out.open("wb") if out else nullcontext() as file:
            period = Period(since, until)
            found = asyncio.run(_run(Remote(api, api_key), judged_by, period, creditor, zone, language, file))
    except (SendaError, OSError) as error:
        typer.echo(f"senda: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        about = {"pack": _named(judged_by), **found.as_json()}
        typer.echo(orjson.dumps(about).decode())
    else:
        _show(found, judged_by, out)
    raise typer.Exit(1 if found.differing else 0)


async def _run(
    remote: Remote,
    pack: Pack | None,
    period: Period,
    creditor: str | None,
    zone: str | None,
    language: Language,
    out: IO[bytes] | None,
) -> Audit:
    async with SendaClient(remote) as client:
        zone = zone or ((await client.creditor(creditor)).time_zone if creditor else None)
        since, until = period.bounds(zone)
        judge = Judge(client, pack, language)
        days = memory([pack]).days if pack else 1
        with _progress() as progress:
            task = progress.add_task("Judging contacts")
            async for line in client.cases(since, until, creditor, days):
                finding = await judge.judge(line)
                if finding is not None:
                    _keep(judge.audit, finding, out)
                progress.update(task, description=f"{judge.audit.judged:,} contacts judged")
        return judge.audit


def _keep(found: Audit, finding: dict[str, Any], out: IO[bytes] | None) -> None:
    if len(found.first) < SHOWN:
        found.first.append(finding)
    if out is not None:
        out.write(orjson.dumps(finding, option=orjson.OPT_APPEND_NEWLINE))


def _pack(name: str | None) -> Pack | None:
    if name is None:
        return None
    if name in pack_keys():
        return load_pack(name)
    try:
        return parse_pack(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SendaError(
            "audit.pack_unreadable", f"{name}: neither a pack's key nor a readable file", "--pack"
        ) from error


def _named(pack: Pack | None) -> dict[str, Any] | None:
    if pack is None:
        return None
    return {"pack": pack.key, "version": pack.version, "content_hash": pack.content_hash, "status": pack.status}


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _show(found: Audit, pack: Pack | None, out: Path | None) -> None:
    console = Console(highlight=False)
    if pack is None:
        console.print(f"{found.judged:,} contacts judged again by the packs that decided them: ", end="")
        console.print("the record stands." if not found.differing else f"{found.differing:,} differ.")
    else:
        console.print(f"{found.judged:,} contacts judged by {pack.key} {pack.version} ({pack.status}).")
        console.print(f"It would have refused {found.refused:,} that were made.")
        console.print(f"It would have allowed {found.allowed:,} that were refused.")
    if found.unjudged:
        console.print(f"{found.unjudged:,} could not be judged: they are older than the keeping of cases.")
    if found.by_rule:
        rules = Table("rule", "contacts", box=None)
        for rule, number in sorted(found.by_rule.items()):
            rules.add_row(rule, f"{number:,}")
        console.print(rules)
    if found.first:
        table = Table("contact", "account", "decided", "channel", "finding", "why", title="The first of them")
        for line in found.first:
            account = f"{line['creditor']}/{line['account']}"
            table.add_row(str(line["id"]), account, line["decided_at"], line["channel"], line["finding"], line["why"])
        console.print(table)
        console.print(f"All of them: {out}" if out else "Write them all to a file with --out FILE.")
