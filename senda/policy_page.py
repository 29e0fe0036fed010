"""A pack as a page that a lawyer can read: every rule with its wording, parameters and source."""

from typing import Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from policy import HOLIDAYS_VERSION, Pack, Rule

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
    "own_request": "horario que la persona pidió / hours at the person's own request",
    "duty": "deber, no decide contactos / duty, decides no contact",
}
_DUTIES = {
    "message_content": "contenido de los mensajes / content of messages",
    "bureau_report": "reporte a centrales de riesgo / credit-bureau report",
    "data_request": "consultas y reclamos de datos / data requests",
    "fee": "gastos de cobranza / collection fees",
    "interest": "intereses / interest",
    "retention": "conservación / retention",
    "opt_out": "baja / opt-out",
}
_MARKS = {
    "Q": "texto original leído / original wording read",
    "S": "fuente secundaria / secondary source",
    "B": "por verificar / to be verified",
    "P": "valor por defecto del producto / product default",
}


def print_page(console: Console, pack: Pack) -> None:
    """The pack's facts, then its rules."""
    console.print(Text(f"{pack.key} · {pack.name.es} / {pack.name.en}", style="bold"))
    console.print(_facts(pack))
    for rule in pack.rules:
        console.print()
        about = f": {_DUTIES[rule.about]}" if rule.kind == "duty" else ""
        console.print(Text(f"{rule.id} · {_KINDS[rule.kind]}{about}", style="bold"))
        lines = Table.grid(padding=(0, 2))
        lines.add_row("ES", Text(rule.text.es))
        lines.add_row("EN", Text(rule.text.en))
        for name, value in _parameters(rule).items():
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


def _parameters(rule: Rule) -> dict[str, Any]:
    if rule.kind == "duty":
        return dict(rule.parameters)
    said = {"id", "kind", "text", "source", "mark"}
    return rule.model_dump(mode="json", exclude=said, exclude_none=True)


def _plain(value: Any) -> str:
    """A parameter in words: lists with commas, hours as `mon, tue 07:00–19:00`."""
    match value:
        case list():
            return ", ".join(map(_plain, cast(list[Any], value)))
        case {"days": days, "opens": opens, "closes": closes}:
            return f"{_plain(days)} {opens}–{closes}"
        case _:
            return str(value)
