"""Is a template fit to be sent? Reads it, fills it for every case that its conditions tell apart, judges each text.

A template's conditions ask little (`channels/template_language.py`), so the samples meet both outcomes of each of them,
in every combination: what no sample says, the template cannot say.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, cast, get_args

from channels.listed_words import Kind, find_listed
from channels.samples import AGENCY, LINK, NAME, PART, WHOLE, Sample, sample_values
from channels.template_language import Fault, Language, Level, Purpose
from channels.templating import Template, TemplateError, purpose_of, read_template
from journey.playbook import STAGES, Stage, Tone

MOST_NUMBERS = 8
"""Different numbers in the conditions of a template."""

REQUIRED: dict[Purpose, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "collection": (
        ("no_sender", "who writes", ("sender",)),
        ("no_creditor", "for whom it is written", ("creditor",)),
        ("no_amount", "the amount", ("amount", "balance")),
        ("no_account", "what the amount is for", ("account",)),
        ("no_due_date", "the due date", ("due_date",)),
        ("no_pay_link", "how to pay, with a link", ("pay_link",)),
        ("no_stop", "how to stop", ("stop",)),
    ),
    "payment_confirmation": (
        ("no_sender", "who writes", ("sender",)),
        ("no_creditor", "for whom it is written", ("creditor",)),
        ("no_amount", "the amount", ("amount",)),
        ("no_account", "what was paid", ("account",)),
        ("no_stop", "how to stop", ("stop",)),
    ),
}
"""What each text says below its subject: code, words, and the variables of which it prints one."""

KINDS: dict[Purpose, frozenset[Kind]] = {
    "collection": frozenset({"asks_reason", "threat", "court", "insult"}),
    "payment_confirmation": frozenset({"asks_reason", "threat", "court", "insult", "demand"}),
}
"""A message that is free of hours and frequency must not demand payment (Ley 2300 de 2023, art. 8, CO-09)."""

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Around each sample value: characters for private use, which no template may hold."""

_UNMARKED = str.maketrans("", "", _OPEN + _CLOSE)
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_STANDS_FOR = {"{{": " x ", "{%": " . ", "{#": ""}
_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a template; `line` of its source, from 1, none where no one line is at fault.

    Codes: `unknown_language`; of reading it `too_long`, `unknown_purpose`, `syntax`, `not_allowed`,
    `unknown_variable`, `unknown_filter`, `bad_condition`, `too_many_numbers`, `odd_character`; of filling it
    `missing_value`, `no_subject`, `no_text`, and those of `REQUIRED`; of its words `asks_reason`, `threat`, `court`,
    `insult`, `demand` and `shouting`.
    """

    template: str
    language: str
    line: int | None
    code: str
    message: str
    level: Level


def check_template(name: str, language: str, source: str) -> list[Finding]:
    """The findings about a template's source, by line; none where it is fit to be sent. Raises nothing."""
    if language not in get_args(Language):
        message = f"unknown language {language!r}: use {', '.join(get_args(Language))}"
        return [Finding(name, language, None, "unknown_language", message, "error")]
    faults = sorted(_faults(f"{name}.{language}", cast(Language, language), source), key=_place)
    return [Finding(name, language, fault.line, fault.code, fault.message, fault.level) for fault in faults]


def _place(fault: Fault) -> tuple[bool, int]:
    return fault.line is None, fault.line or 0


def _faults(label: str, language: Language, source: str) -> list[Fault]:
    found = list(dict.fromkeys(_of_the_source(source, language)))
    try:
        template = read_template(label, source)
    except TemplateError as error:
        return [*found, *error.faults]
    if len(template.numbers) > MOST_NUMBERS:
        return [*found, Fault(None, "too_many_numbers", f"has more than {MOST_NUMBERS} numbers in its conditions")]
    known = {(fault.code, fault.message) for fault in found}
    for fault, situation in _of_the_texts(template, language):
        if (fault.code, fault.message) not in known:
            known.add((fault.code, fault.message))
            found.append(replace(fault, message=f"{fault.message} ({situation})"))
    return found


def _of_the_source(source: str, language: Language) -> Iterator[Fault]:
    """What can be seen without filling it, also where no condition leads; it has lines."""
    words = _TAG.sub(lambda tag: _STANDS_FOR[tag[0][:2]] + "\n" * tag[0].count("\n"), source)
    yield from _of_the_words(words, language, KINDS[purpose_of(source) or "collection"])
    for number, line in enumerate(words.split("\n"), 1):
        yield from (replace(fault, line=number) for fault in _loud(line))
    for number, line in enumerate(source.split("\n"), 1):
        yield from (replace(fault, line=number) for fault in _odd(line))


def _of_the_texts(template: Template, language: Language) -> Iterator[tuple[Fault, str]]:
    """What is wrong with the texts of all samples, and of which sample."""
    seen: set[tuple[str, str, frozenset[Stage]]] = set()
    for sample in _samples(template):
        situation = _situation(sample)
        values = _marked(sample_values(template.purpose, language, sample))
        try:
            subject, text = template.fill(values)
        except TemplateError as error:
            yield from ((fault, situation) for fault in error.faults)
            continue
        stages: frozenset[Stage] = frozenset({sample["stage"]}) if "stage" in sample else frozenset(STAGES)
        for fault in _of_a_text(subject, text, values, template.purpose):
            yield fault, situation
        if (subject, text, stages) in seen:
            continue
        seen.add((subject, text, stages))
        plain = f"{subject}\n\n{text}".translate(_UNMARKED)
        for fault in (*_of_the_words(plain, language, KINDS[template.purpose], stages), *_odd(plain)):
            yield replace(fault, line=None), situation


def _of_a_text(subject: str, text: str, values: Mapping[str, Any], purpose: Purpose) -> Iterator[Fault]:
    if not subject:
        yield Fault(None, "no_subject", "has no subject: it is the first line")
    if not text:
        yield Fault(None, "no_text", "has no text below its subject")
    said = text.casefold()
    for code, words, names in REQUIRED[purpose]:
        asked = [values[name] for name in names if values[name] is not None]
        if asked and not any(value.casefold() in said for value in asked):
            variables = " or ".join(f"{{{{ {name} }}}}" for name in names)
            yield Fault(None, code, f"does not say {words}: use {variables}")
    own = f"{subject}\n{text}"
    for value in values.values():
        own = own.replace(value, " ") if isinstance(value, str) and _OPEN in value else own
    yield from _loud(own)
    if own.count("!") > 1:
        yield Fault(None, "shouting", "has more than one exclamation")


def _of_the_words(
    text: str, language: Language, kinds: frozenset[Kind], stages: frozenset[Stage] = frozenset()
) -> Iterator[Fault]:
    for match in find_listed(text, language, kinds, stages):
        entry = match.entry
        yield Fault(match.line, entry.kind, f"«{match.phrase}»: {entry.why} ({entry.source})", entry.level)


def _loud(text: str) -> Iterator[Fault]:
    """Words in capitals of five letters or more, but no codes, which have a digit."""
    for word in _WORD.findall(text):
        if any(character.isdigit() for character in word):
            continue
        if any(part.isupper() and len(part) >= 5 for part in re.split("[-_]", word)):
            yield Fault(None, "shouting", f"{word} is in capitals")


def _odd(text: str) -> Iterator[Fault]:
    """Characters that cannot be seen, or of another alphabet that looks like ours: they would hide words."""
    for character in text:
        category = unicodedata.category(character)
        hidden = category in ("Cc", "Cf", "Co", "Cs") and character not in "\n\r\t"
        foreign = category[0] == "L" and category != "Lo" and "LATIN" not in unicodedata.name(character, "")
        if hidden or foreign or (category == "Lo" and character not in "ªº"):
            message = f"holds the character U+{ord(character):04X}, which cannot be seen or is of another alphabet"
            yield Fault(None, "odd_character", message)


def _samples(template: Template) -> Iterator[Sample]:
    """One sample for each case that the template's variables can tell apart."""
    near = {number + step for number in template.numbers for step in (-1, 0, 1)}
    cases: dict[str, tuple[object, ...]] = {
        "tone": get_args(Tone),
        "stage": STAGES,
        "days_past_due": tuple(sorted({-3, 0, 1, 27} | near)),
        "name": (NAME, None),
        "pay_link": (LINK, None),
        "balance": (WHOLE, PART),
        "sender": (None, AGENCY),
    }
    names = [name for name in cases if name in template.variables or name == "sender"]
    for values in product(*(cases[name] for name in names)):
        yield cast(Sample, dict(zip(names, values, strict=True)))


def _situation(sample: Sample) -> str:
    """A sample in words: what its template can tell."""
    said = [
        f"no {name}" if value is None else f"{name} {value}"
        for name, value in sample.items()
        if (name, value) != ("sender", None)
    ]
    return ", ".join(said) or "in any case"


def _marked(values: Mapping[str, str | int | None]) -> dict[str, str | int | None]:
    return {
        name: f"{_OPEN}{value}{_CLOSE}" if isinstance(value, str) and name not in ("tone", "stage") else value
        for name, value in values.items()
    }
