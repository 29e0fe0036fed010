"""Templates: read from their source, known by its hash, filled in a sandbox.

`overdue.es.txt.j2` is the long text, its first line the subject. `overdue.es.sms.txt.j2` is a variant: the words for a
channel that needs words of its own, without a subject.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast, get_args

import jinja2
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from channels.template_language import (
    FILTERS,
    VARIABLES,
    Fault,
    Language,
    Purpose,
    Variant,
    faults_of,
    numbers_of,
    variables_of,
)
from policy.errors import SendaError

FOLDER = Path(__file__).parent / "templates"
LONGEST = 20_000
"""Characters of a template."""
ENDING = ".txt.j2"

OPENING = "opening"
"""The template with which every call begins that has no words of its own. A long text would tell the debt to whoever
picks up."""

VARIANTS: dict[str, Variant] = {"sms": "sms", "push": "sms", "whatsapp": "whatsapp", "call": "call"}
"""The variant of a channel; the others have the long text. A notification of an app carries the words of an SMS."""

_BLANK_LINES = re.compile(r"\n\s*\n")
_PURPOSE = re.compile(r"\A\s*\{#-?\s*purpose:\s*(\w+)\s*-?#\}")


class TemplateError(SendaError):
    """A template that cannot be used: code `template.` and the first fault's; `faults` lists all that were found."""

    def __init__(self, label: str, faults: list[Fault]) -> None:
        first = faults[0]
        place = f"{label}, line {first.line}" if first.line else label
        super().__init__(f"template.{first.code}", f"{place}: {first.message}", field=label)
        self.faults = faults


class _Missing(StrictUndefined):
    """The value of what is not known: false in a condition, an error anywhere else."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read. `label`: name, language and variant; `version`: sha256 of its source, hexadecimal;
    `variant`: none for a long text; `numbers`: those in its conditions."""

    label: str
    variant: Variant | None
    purpose: Purpose
    version: str
    variables: frozenset[str]
    numbers: frozenset[int]
    compiled: jinja2.Template

    def fill(self, values: Mapping[str, str | int | None]) -> tuple[str, str]:
        """Subject and text, a blank line between paragraphs; None stands for a missing value.

        A variant has no subject: the first is empty. An SMS is one line.
        Raises `TemplateError` (`template.missing_value`).
        """
        given = {name: _missing(name) if value is None else value for name, value in values.items()}
        try:
            written = self.compiled.render(given).strip()
        except jinja2.TemplateError as error:
            raise TemplateError(self.label, [Fault(None, "missing_value", str(error))]) from None
        if self.variant == "sms":
            return "", " ".join(written.split())
        subject, _, text = ("", "", written) if self.variant else written.partition("\n")
        return subject.strip(), _BLANK_LINES.sub("\n\n", text.strip())


def _missing(name: str) -> _Missing:
    return _Missing(hint=f"{name} is used where it may be missing: ask first, with {{% if {name} %}}")


def read_template(label: str, source: str, variant: Variant | None = None) -> Template:
    """A template from its source. Raises `TemplateError` with every fault; nothing of the source is executed."""
    if len(source) > LONGEST:
        raise TemplateError(label, [Fault(None, "too_long", f"is longer than {LONGEST} characters")])
    purpose = purpose_of(source)
    if purpose is None:
        known = ", ".join(VARIABLES)
        raise TemplateError(label, [Fault(1, "unknown_purpose", f"names an unknown purpose: use {known}")])
    try:
        tree = _sandbox().parse(source)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(label, [Fault(error.lineno, "syntax", error.message or "cannot be read")]) from None
    except (RecursionError, ValueError, OverflowError, MemoryError):
        message = "cannot be read: too deeply nested, or a number that is too long"
        raise TemplateError(label, [Fault(None, "syntax", message)]) from None
    if faults := faults_of(tree, purpose, variant):
        raise TemplateError(label, faults)
    compiled = _sandbox().from_string(tree)
    return Template(label, variant, purpose, version_of(source), variables_of(tree), numbers_of(tree), compiled)


def version_of(source: str) -> str:
    """sha256 of a template's source, hexadecimal."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def purpose_of(source: str) -> Purpose | None:
    """What `{# purpose: … #}` at the start of a template says, `collection` without one; none where it is unknown."""
    said = _PURPOSE.match(source)
    if said is None:
        return "collection"
    return next((purpose for purpose in VARIABLES if purpose == said[1]), None)


def variant_of(channel: str | None) -> Variant | None:
    """The variant for a channel; none: the long text."""
    return VARIANTS.get(channel or "")


def label_of(name: str, language: str, variant: Variant | None) -> str:
    """How a template is named in records and on the screen: `overdue.es`, `overdue.es.sms`."""
    return f"{name}.{language}.{variant}" if variant else f"{name}.{language}"


@cache
def source_of(name: str, language: str, variant: Variant | None = None) -> str:
    """The source of a template that is here. Raises `template.not_found`."""
    path = FOLDER / f"{label_of(name, language, variant)}{ENDING}"
    if path.parent != FOLDER or not path.is_file():
        known = ", ".join(sorted(template_names()))
        form = f" for {variant}" if variant else ""
        raise SendaError(
            "template.not_found", f"no template {name!r} in language {language!r}{form}; there are {known}", name
        )
    return path.read_bytes().decode("utf-8")


def own_of(name: str, language: str, channel: str | None) -> tuple[str, Variant | None]:
    """Which template serves a channel: its variant, otherwise the long text; a call without one begins with `OPENING`.

    Raises `template.not_found`.
    """
    source_of(name, language)
    variant = variant_of(channel)
    if variant is None or (FOLDER / f"{label_of(name, language, variant)}{ENDING}").is_file():
        return name, variant
    return (OPENING, variant) if variant == "call" else (name, None)


@cache
def load_template(name: str, language: str, channel: str | None = None) -> Template:
    """The template that is here for a channel (`own_of`), read once. Raises `TemplateError`, `template.not_found`."""
    name, variant = own_of(name, language, channel)
    return read_template(label_of(name, language, variant), source_of(name, language, variant), variant)


def load_all(folder: Path = FOLDER) -> None:
    """Read every template, so that a worker that cannot use one does not start.

    Raises `TemplateError` for the first that cannot be used, `template.not_found` where a language is missing,
    `template.unnamed` for a file that nobody would find.
    """
    found = shipped(folder)
    for name, language, variant in found:
        label = label_of(name, language, variant)
        read_template(label, (folder / f"{label}{ENDING}").read_text(encoding="utf-8"), variant)
    names = sorted({name for name, _, _ in found if name != OPENING})
    wanted: list[tuple[str, Variant | None]] = [*((name, None) for name in names), (OPENING, "call")]
    for name, variant in wanted:
        for language in get_args(Language):
            if (name, language, variant) not in found:
                label = label_of(name, language, variant)
                raise SendaError("template.not_found", f"{folder} has no {label}{ENDING}", label)


def shipped(folder: Path = FOLDER) -> list[tuple[str, Language, Variant | None]]:
    """The templates of a folder: name, language, variant (none: the long text). Error: `template.unnamed`."""
    return [_named(path.name) for path in sorted(folder.glob(f"*{ENDING}"))]


def _named(file: str) -> tuple[str, Language, Variant | None]:
    name, *rest = file.removesuffix(ENDING).split(".")
    language, variant = (*rest, None)[:2] if 1 <= len(rest) <= 2 else (None, None)
    if language not in get_args(Language) or variant not in (None, *get_args(Variant)):
        languages, variants = ("|".join(get_args(kind)) for kind in (Language, Variant))
        message = f"{file}: name it NAME.({languages}){ENDING} or NAME.({languages}).({variants}){ENDING}"
        raise SendaError("template.unnamed", message, "name")
    return name, cast("Language", language), cast("Variant | None", variant)


@cache
def template_names(purpose: Purpose | None = None) -> frozenset[str]:
    """The names of the templates that are here, of one purpose or of all."""
    names = {path.name.partition(".")[0] for path in FOLDER.glob(f"*.es{ENDING}")}
    return frozenset(name for name in names if purpose in (None, purpose_of(source_of(name, "es"))))


@cache
def _sandbox() -> ImmutableSandboxedEnvironment:
    here = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    here.filters = {name: here.filters[name] for name in FILTERS}
    here.globals.clear()
    here.tests.clear()
    return here
