"""An audit's run: the recorded contacts are read from the API, judged one by one, and the findings kept."""

from pathlib import Path
from typing import IO, Any

import orjson
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from policy import Language, Pack, memory
from senda.auditing.judging import Audit, Judge
from senda.auditing.period import Period
from senda.client import Remote, SendaClient

SHOWN = 20
"""How many findings are kept to be shown; `--out` writes all of them."""


async def judge_all(
    api: str,
    api_key: str,
    pack: Pack | None,
    period: Period,
    creditor: str | None,
    zone: str | None,
    language: Language,
    out: IO[bytes] | None,
) -> Audit:
    """Judge the contacts of a period; `out` gets every finding, a JSON line each."""
    async with SendaClient(Remote(api, api_key)) as client:
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


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def show(found: Audit, pack: Pack | None, out: Path | None) -> None:
    """Print what came of it, with the first findings."""
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
