"""`senda policy …`: judge cases in bulk, list the packs, print one as a page that a lawyer can read."""

import sys
from typing import Annotated, Any, cast

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from policy import HOLIDAYS_VERSION, Pack, SendaError, check_lines, load_pack, pack_keys

app = typer.Typer(help="Contact rules: may this person be contacted now, and if not, when?", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs instead of a page")]

_KINDS = {
    "window": "horario / hours",
    "closed_days": "días cerrados / closed days",
    "cap": "máximo por período / cap in a period",
    "channel_lock": "un solo canal / channel lock",
    "conversation_lock": "pausa tras conversación / conversation lock",
    "authorised_channels": "canales autorizados / authorised channels",
    "roles": "destinatarios / addressees",
    "forbidden_channels": "canales prohibidos / forbidden channels",
    "trigger": "qué cuenta como contacto / what counts as a contact",
    "exempt_purposes": "finalidades exentas / exempt purposes",
}
_MARKS = {
    "Q": "texto original leído / original wording read",
    "S": "fuente secundaria / secondary source",
    "B": "por verificar / to be verified",
    "P": "valor por defecto del producto / product default",
}


@app.command()
def check() -> None:
    """Judge cases from standard input, one JSON object a line: one verdict a line on standard output."""
    out = sys.stdout.buffer
    for verdict in check_lines(sys.stdin.buffer):
        out.write(verdict.encode() + b"\n")
        out.flush()  # whoever feeds case by case sees each verdict at once; it costs a few microseconds


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
def show(key: Annotated[str, typer.Argument(help="a pack's key, such as CO")], as_json: AsJson = False) -> None:
    """Print one pack: every rule with its parameters, wording, source and how far the source was read."""
    try:
        pack = load_pack(key)
    except SendaError as error:
        typer.echo(f"{error.code}: {error.message}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(pack.model_dump_json())
        return
    _print_page(Console(highlight=False), pack)


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


def _print_page(console: Console, pack: Pack) -> None:
    console.print(Text(f"{pack.key} · {pack.name.es} / {pack.name.en}", style="bold"))
    console.print(_facts(pack))
    for rule in pack.rules:
        console.print()
        console.print(Text(f"{rule.id} · {_KINDS[rule.kind]}", style="bold"))
        lines = Table.grid(padding=(0, 2))
        lines.add_row("ES", Text(rule.text.es))
        lines.add_row("EN", Text(rule.text.en))
        fixed = {"id", "kind", "text", "source", "mark"}
        for name, value in rule.model_dump(mode="json", exclude=fixed, exclude_none=True).items():
            if value:
                lines.add_row("", Text(f"{name}: {_plain(value)}", style="dim"))
        lines.add_row("", Text(f"{rule.source} [{rule.mark}: {_MARKS[rule.mark]}]", style="italic"))
        console.print(lines)


def _facts(pack: Pack) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("versión / version", f"{pack.version} ({pack.status})")
    facts.add_row("vigencia / valid", f"{pack.valid_from} – {pack.valid_to or ''}")
    facts.add_row("revisión jurídica", "no revisado por abogado / not reviewed by counsel")
    facts.add_row("zonas / zones", ", ".join(pack.zones) or "–")
    facts.add_row("festivos / holidays", _holiday_source(pack))
    if pack.holidays is not None:
        for entry in pack.holidays.add:
            facts.add_row("", f"+ {entry.date} {entry.name} ({entry.source})")
        for day in pack.holidays.remove:
            facts.add_row("", f"- {day}")
    facts.add_row("sha256", pack.content_hash)
    return facts


def _holiday_source(pack: Pack) -> str:
    if pack.holidays is None:
        return "–"
    place = pack.holidays.country
    if pack.holidays.subdivision:
        place += f"-{pack.holidays.subdivision}"
    return f"{place}, Python package holidays {HOLIDAYS_VERSION}"


def _plain(value: Any) -> str:
    """A parameter in words: lists with commas, hours as `mon, tue 07:00–19:00`."""
    match value:
        case list():
            return ", ".join(map(_plain, cast(list[Any], value)))
        case {"days": days, "opens": opens, "closes": closes}:
            return f"{_plain(days)} {opens}–{closes}"
        case _:
            return str(value)
