"""What is wrong with a pack, or soon will be: each fault with its place, for whoever keeps packs."""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any, Literal, cast

import yaml
from pydantic import ValidationError

from policy.pack import Pack
from policy.rules import Text

Level = Literal["error", "warning"]

KNOWN_HOLIDAYS: dict[str, tuple[tuple[date, str, str], ...]] = {
    "AR": ((date(2026, 7, 9), "Día de la Independencia", "Ley 27.399, art. 1"),),
    "BR": ((date(2026, 9, 7), "Independência do Brasil", "Lei 662/1949, art. 1"),),
    "CL": ((date(2026, 9, 18), "Independencia Nacional", "Ley 2.977, art. 1"),),
    "CO": (
        (date(2026, 7, 13), "Nuestra Señora del Rosario de Chiquinquirá", "Ley 2578 de 2026, art. 6"),
        (date(2026, 7, 20), "Día de la Independencia", "Ley 51 de 1983, art. 1"),
    ),
    "CR": ((date(2026, 9, 15), "Día de la Independencia", "Código de Trabajo, art. 148"),),
    "DO": ((date(2026, 2, 27), "Día de la Independencia", "Constitución, art. 35"),),
    "EC": ((date(2026, 8, 10), "Primer Grito de Independencia", "Código del Trabajo, art. 65"),),
    "ES": ((date(2026, 10, 12), "Fiesta Nacional", "Ley 18/1987, art. 1"),),
    "GT": ((date(2026, 9, 15), "Día de la Independencia", "Código de Trabajo, art. 127"),),
    "MX": ((date(2026, 9, 16), "Día de la Independencia", "Ley Federal del Trabajo, art. 74"),),
    "PA": ((date(2026, 11, 3), "Separación de Panamá de Colombia", "Código de Trabajo, art. 46"),),
    "PE": ((date(2026, 7, 28), "Fiestas Patrias", "Decreto Legislativo 713, art. 6"),),
}
"""Holidays beyond doubt, by country: date, name, source. A calendar without one is empty, stale or cut by hand."""

_UNSAID = re.compile(r"\W*|\W*(TODO|TBD|FIXME|XXX)\b.*|\W*(todo|tbd|pendiente|n/?a)\W*", re.DOTALL)
"""What people write where they have nothing to write."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a pack.

    `pack` is the key, empty where the text holds none. `place` is a path into the file, with a rule's id instead
    of its number (`CO-03.source`). Codes of level error: `bad_pack`, `no_source`, `no_text`, `expired`,
    `missing_holiday`; of level warning: `draft`, `not_yet_in_force`, `to_be_verified`, `holidays_run_out`,
    `same_wording`.
    """

    pack: str
    place: str
    code: str
    message: str
    level: Level


def lint(text: str, today: date) -> list[Finding]:
    """The findings about a pack's YAML, in the order of the file; none where all is well on the date `today`.

    Text that is not a valid pack has the errors that say why, and nothing else is looked at. That counsel did not
    review a pack is no finding: none is.
    """
    try:
        data: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-02-30
        return [Finding("", "pack", "bad_pack", f"not YAML: {' '.join(str(error).split())}", "error")]
    try:
        pack = Pack.model_validate(data)
    except ValidationError as error:
        return [_invalid(data, fault["loc"], fault["msg"]) for fault in error.errors()]
    return [*_words(pack), *_dates(pack, today), *_holidays(pack, today), *_rules(pack)]


def _invalid(data: object, loc: tuple[int | str, ...], message: str) -> Finding:
    fields = cast(dict[str, Any], data) if isinstance(data, dict) else {}
    place, code = _place(fields, loc), "bad_pack"
    if loc[-1:] == ("source",):
        code = "no_source"
    elif loc[-1:] in (("es",), ("en",)):
        code = "no_text"
    key = fields.get("pack")
    return Finding(key if isinstance(key, str) else "", place, code, message, "error")


def _place(fields: dict[str, Any], loc: tuple[int | str, ...]) -> str:
    """The path in the words of the file: `CO-03.source` for ("rules", 2, "cap", "source")."""
    path = list(loc)
    if len(path) > 1 and path[0] == "rules" and isinstance(path[1], int):
        found: object = fields["rules"][path[1]]
        rule = cast(dict[str, Any], found) if isinstance(found, dict) else {}
        rest = path[3:] if path[2:3] == [rule.get("kind")] else path[2:]  # pydantic puts the kind into the path
        path = [rule["id"], *rest] if isinstance(rule.get("id"), str) else ["rules", path[1], *rest]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "pack"


def _words(pack: Pack) -> Iterator[Finding]:
    """Sources and wordings that are there and say nothing."""
    yield from _unsaid_text(pack, "name", pack.name)
    for index, entry in enumerate(pack.holidays.add if pack.holidays else ()):
        if _UNSAID.fullmatch(entry.source):
            yield _error(pack, f"holidays.add[{index}].source", "no_source", f"{entry.date} has no source")
    for rule in pack.rules:
        yield from _unsaid_text(pack, f"{rule.id}.text", rule.text)
        if _UNSAID.fullmatch(rule.source):
            message = f"{rule.id} has no source: name the statute and article"
            yield _error(pack, f"{rule.id}.source", "no_source", message)


def _unsaid_text(pack: Pack, place: str, text: Text) -> Iterator[Finding]:
    for language, words in (("es", text.es), ("en", text.en)):
        if _UNSAID.fullmatch(words):
            yield _error(pack, f"{place}.{language}", "no_text", f"{place} has no words in language {language}")


def _dates(pack: Pack, today: date) -> Iterator[Finding]:
    if pack.valid_to is not None and pack.valid_to < today:
        yield _error(pack, "valid_to", "expired", f"the pack expired on {pack.valid_to}")
    if pack.valid_from > today:
        yield _warning(pack, "valid_from", "not_yet_in_force", f"the pack is not in force before {pack.valid_from}")
    if pack.status == "draft":
        yield _warning(pack, "status", "draft", "the pack is a draft")


def _holidays(pack: Pack, today: date) -> Iterator[Finding]:
    calendar = pack.holidays
    if calendar is None:
        return
    for day, name, source in KNOWN_HOLIDAYS.get(calendar.country, ()):
        if day not in calendar.names(day.year):
            yield _error(pack, "holidays", "missing_holiday", f"the calendar lacks {day}, {name} ({source})")
    last = max((entry.date for entry in calendar.add), default=None)
    if last is not None and last < _a_year_after(today):
        message = f"the last holiday added by hand is {last}: add those of the coming years"
        yield _warning(pack, "holidays.add", "holidays_run_out", message)


def _rules(pack: Pack) -> Iterator[Finding]:
    for rule in pack.rules:
        if rule.mark == "B":
            yield _warning(pack, f"{rule.id}.mark", "to_be_verified", f"{rule.id} is background, to be verified")
    for first, second in combinations(pack.rules, 2):
        if _plain(first.text.es) == _plain(second.text.es) or _plain(first.text.en) == _plain(second.text.en):
            message = f"{second.id} has the same wording as {first.id}"
            yield _warning(pack, f"{second.id}.text", "same_wording", message)


def _plain(words: str) -> str:
    return " ".join(words.lower().split())


def _a_year_after(day: date) -> date:
    return date(day.year + 1, day.month, min(day.day, monthrange(day.year + 1, day.month)[1]))


def _error(pack: Pack, place: str, code: str, message: str) -> Finding:
    return Finding(pack.key, place, code, message, "error")


def _warning(pack: Pack, place: str, code: str, message: str) -> Finding:
    return Finding(pack.key, place, code, message, "warning")
