"""Is a template fit to be sent? Reads it, fills it for every case that its conditions tell apart, judges each text.

A template's conditions ask little (`channels/template_language.py`), so the samples meet both outcomes of each of them,
in every combination: what no sample says, the template cannot say.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import cast, get_args

from channels.approved import is_refused_by_meta
from channels.listed_words import Kind, find_listed
from channels.samples import AGENCY, LINK, NAME, PART, WHOLE, Sample, at_length, sample_values
from channels.segments import BASIC, EXTENSION, segments_of
from channels.template_language import Fault, Language, Level, Purpose, Variant
from channels.templating import Template, TemplateError, label_of, purpose_of, read_template
from channels.texts import SIZES
from channels.values import Values
from journey.playbook import STAGES, Stage, Tone

MOST_NUMBERS = 8
"""Different numbers in the conditions of a template."""

MOST_SEGMENTS = 3
"""Of an SMS, with values as long as they usually get."""

_WHO = (
    ("no_sender", "who writes", ("sender", "writer")),
    ("no_creditor", "for whom it is written", ("creditor", "writer")),
)
_STOP = ("no_stop", "how to stop", ("stop",))

REQUIRED: dict[Purpose, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "collection": (
        *_WHO,
        ("no_amount", "the amount", ("amount", "balance")),
        ("no_account", "what the amount is for", ("account", "accounts", "your_accounts")),
        ("no_due_date", "the due date", ("due_date",)),
        ("no_pay_link", "how to pay, with a link", ("pay_link", "pay_at")),
        _STOP,
    ),
    "payment_confirmation": (
        *_WHO,
        ("no_amount", "the amount", ("amount",)),
        ("no_account", "what was paid", ("account",)),
        _STOP,
    ),
}
"""What each text says below its subject: code, words, and the variables of which it prints one. Where the first of
them is missing, nothing is asked for."""

REQUIRED_OF_CALLS = (*_WHO, _STOP)
"""How a call begins: anybody may pick up, so it tells no debt, amount or account before the person is identified."""

KINDS: dict[Purpose, frozenset[Kind]] = {
    "collection": frozenset({"asks_reason", "threat", "court", "insult"}),
    "payment_confirmation": frozenset({"asks_reason", "threat", "court", "insult", "demand"}),
}
"""A message that is free of hours and frequency must not demand payment (Ley 2300 de 2023, art. 8, CO-09)."""

_SIZE: dict[Variant | None, int] = {None: SIZES["letter"], "sms": SIZES["sms"], "whatsapp": SIZES["whatsapp"]}
_GSM = BASIC | EXTENSION | {"\t"}

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Around each sample value: characters for private use, which no template may hold."""

_UNMARKED = str.maketrans("", "", _OPEN + _CLOSE)
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_STANDS_FOR = {"{{": " x ", "{%": " . ", "{#": ""}
_WORD = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault of a template; `line` of its source, from 1, none where no one line is at fault; `channel`: which
    variant it is, none for a long text.

    Codes: `unknown_language`; of reading it `too_long`, `unknown_purpose`, `syntax`, `not_allowed`,
    `unknown_variable`, `unknown_filter`, `bad_condition`, `not_fixed`, `too_many_numbers`, `odd_character`; of filling
    it `missing_value`, `no_subject`, `split_subject`, `no_text`, and those of `REQUIRED`; of its words `asks_reason`,
    `threat`, `court`, `insult`, `demand`, `debt` and `shouting`; of its channel `too_long`, `too_many_segments`,
    `not_gsm` and `variable_at_edge`.
    """

    template: str
    language: str
    channel: Variant | None
    line: int | None
    code: str
    message: str
    level: Level


def check_template(name: str, language: str, source: str, channel: Variant | None = None) -> list[Finding]:
    """The findings about a template's source, by line; none where it is fit to be sent. Raises nothing.

    `channel`: which variant it is, none for a long text.
    """
    if language not in get_args(Language):
        message = f"unknown language {language!r}: use {', '.join(get_args(Language))}"
        return [Finding(name, language, channel, None, "unknown_language", message, "error")]
    faults = sorted(_faults(name, cast(Language, language), channel, source), key=_place)
    return [Finding(name, language, channel, each.line, each.code, each.message, each.level) for each in faults]


def _place(fault: Fault) -> tuple[bool, int]:
    return fault.line is None, fault.line or 0


def _faults(name: str, language: Language, variant: Variant | None, source: str) -> list[Fault]:
    found = list(dict.fromkeys(_of_the_source(source, language, variant)))
    try:
        template = read_template(label_of(name, language, variant), source, variant)
    except TemplateError as error:
        return [*found, *error.faults]
    if len(template.numbers) > MOST_NUMBERS:
        return [*found, Fault(None, "too_many_numbers", f"has more than {MOST_NUMBERS} numbers in its conditions")]
    if variant == "whatsapp" and is_refused_by_meta(template, language):
        message = "a variable stands at the start, at the end or right beside another one: put words there"
        found.append(Fault(None, "variable_at_edge", message))
    known = {(fault.code, fault.message) for fault in found}
    for fault, situation in _of_the_texts(template, language):
        if (fault.code, fault.message) not in known:
            known.add((fault.code, fault.message))
            found.append(replace(fault, message=f"{fault.message} ({situation})"))
    return found


def _of_the_source(source: str, language: Language, variant: Variant | None) -> Iterator[Fault]:
    """What can be seen without filling it, also where no condition leads; it has lines."""
    words = _TAG.sub(lambda tag: _STANDS_FOR[tag[0][:2]] + "\n" * tag[0].count("\n"), source)
    debt: frozenset[Kind] = frozenset({"debt"}) if variant == "call" else frozenset()
    yield from _of_the_words(words, language, KINDS[purpose_of(source) or "collection"] | debt)
    for number, line in enumerate(words.split("\n"), 1):
        yield from (replace(fault, line=number) for fault in _loud(line))
        if variant == "sms" and (rare := "".join(sorted(set(line) - _GSM))):
            message = f"{rare}: not in the alphabet of SMS, of which 160 characters make one; with it, 70 do"
            yield Fault(number, "not_gsm", message, "warning")
    for number, line in enumerate(source.split("\n"), 1):
        yield from (replace(fault, line=number) for fault in _odd(line))


def _of_the_texts(template: Template, language: Language) -> Iterator[tuple[Fault, str]]:
    """What is wrong with the texts of all samples, and of which sample. Samples share most of their paragraphs."""
    seen: set[tuple[str, frozenset[Stage]]] = set()
    whole: set[tuple[str, str]] = set()
    for sample in _samples(template):
        situation = _situation(sample)
        values = _marked(_values(template, language, sample))
        try:
            subject, text = template.fill(values)
        except TemplateError as error:
            yield from ((fault, situation) for fault in error.faults)
            continue
        yield from ((fault, situation) for fault in _of_a_text(subject, text, values, template))
        stages: frozenset[Stage] = frozenset({sample["stage"]}) if "stage" in sample else frozenset(STAGES)
        for paragraph in (subject, *text.split("\n\n")):
            if (paragraph, stages) not in seen:
                seen.add((paragraph, stages))
                yield from (
                    (fault, situation) for fault in _of_a_paragraph(paragraph, values, template, language, stages)
                )
        if (subject, text) not in whole:
            whole.add((subject, text))
            yield from ((fault, situation) for fault in _of_the_size(template, language, sample, text))


def _values(template: Template, language: Language, sample: Sample) -> Values:
    return sample_values(template, language, sample, template.variant or "email")


def _of_a_text(subject: str, text: str, values: Values, template: Template) -> Iterator[Fault]:
    if not subject and template.variant is None:
        yield Fault(None, "no_subject", "has no subject: it is the first line")
    if subject.count(_OPEN) != subject.count(_CLOSE):
        yield Fault(None, "split_subject", "prints what takes several lines in its subject")
    if not text:
        yield Fault(None, "no_text", "has no text" if template.variant else "has no text below its subject")
    said = text.casefold()
    for code, words, names in REQUIRED_OF_CALLS if template.variant == "call" else REQUIRED[template.purpose]:
        known = [str(values[name]).casefold() for name in names if values.get(name) is not None]
        if values.get(names[0]) is not None and not any(value in said for value in known):
            variables = " or ".join(f"{{{{ {name} }}}}" for name in names if name in values)
            yield Fault(None, code, f"does not say {words}: use {variables}")
    if subject.count("!") + text.count("!") > 1:
        yield Fault(None, "shouting", "has more than one exclamation")


def _of_a_paragraph(
    paragraph: str, values: Values, template: Template, language: Language, stages: frozenset[Stage]
) -> Iterator[Fault]:
    """What is wrong with words; a listed phrase is within a sentence, and so within a paragraph."""
    own = paragraph
    for value in values.values():
        own = own.replace(value, " ") if isinstance(value, str) and _OPEN in value else own
    plain = paragraph.translate(_UNMARKED)
    faults = [*_of_the_words(plain, language, KINDS[template.purpose], stages), *_odd(plain)]
    if template.variant == "call":
        faults += _of_the_words(own, language, frozenset({"debt"}))
    yield from (replace(fault, line=None) for fault in faults)
    yield from _loud(own)


def _of_the_size(template: Template, language: Language, sample: Sample, text: str) -> Iterator[Fault]:
    """What is wrong with the length of a text; that of a variant is measured with long values."""
    if template.variant is not None:
        text = template.fill(_values(template, language, at_length(sample)))[1]
    most = _SIZE.get(template.variant)
    if most is not None and len(text) > most:
        yield Fault(None, "too_long", f"has more than the {most} characters that its channel takes")
    if template.variant == "sms" and (count := segments_of(text)).segments > MOST_SEGMENTS:
        message = f"takes {count.segments} segments ({count.encoding}) where values are long: at most {MOST_SEGMENTS}"
        yield Fault(None, "too_many_segments", message)


def _of_the_words(
    text: str, language: Language, kinds: frozenset[Kind], stages: frozenset[Stage] = frozenset()
) -> Iterator[Fault]:
    for match in find_listed(text, language, kinds, stages):
        entry = match.entry
        yield Fault(match.line, entry.kind, f"«{match.phrase}»: {entry.why} ({entry.source})", entry.level)


def _loud(text: str) -> Iterator[Fault]:
    """Words in capitals of five letters or more, but no codes, which have a digit."""
    for word in _WORD.findall(text):
        if _is_loud(word):
            yield Fault(None, "shouting", f"{word} is in capitals")


@lru_cache(4096)
def _is_loud(word: str) -> bool:
    if any(character.isdigit() for character in word):
        return False
    return any(part.isupper() and len(part) >= 5 for part in re.split("[-_]", word))


def _odd(text: str) -> Iterator[Fault]:
    """Characters that cannot be seen, or of another alphabet that looks like ours: they would hide words."""
    for character in dict.fromkeys(text):
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
        "accounts": (1, 3),
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


def _marked(values: Values) -> Values:
    return {
        name: f"{_OPEN}{value}{_CLOSE}" if isinstance(value, str) and name not in ("tone", "stage") else value
        for name, value in values.items()
    }
