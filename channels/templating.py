"""Templates: read from their source, known by its hash, filled in a sandbox."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from channels.template_language import FILTERS, VARIABLES, Fault, Purpose, faults_of, numbers_of, variables_of
from policy.errors import SendaError

FOLDER = Path(__file__).parent / "templates"
LONGEST = 20_000
"""Characters of a template."""

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
    """A template that was read. `version`: sha256 of its source, hexadecimal. `numbers`: those in its conditions."""

    label: str
    purpose: Purpose
    version: str
    variables: frozenset[str]
    numbers: frozenset[int]
    compiled: jinja2.Template

    def fill(self, values: Mapping[str, str | int | None]) -> tuple[str, str]:
        """Subject and text, a blank line between paragraphs; None stands for a missing value.

        Raises `TemplateError` (`template.missing_value`).
        """
        given = {name: _missing(name) if value is None else value for name, value in values.items()}
        try:
            written = self.compiled.render(given).strip()
        except jinja2.TemplateError as error:
            raise TemplateError(self.label, [Fault(None, "missing_value", str(error))]) from None
        subject, _, text = written.partition("\n")
        return subject.strip(), _BLANK_LINES.sub("\n\n", text.strip())


def _missing(name: str) -> _Missing:
    return _Missing(hint=f"{name} is used where it may be missing: ask first, with {{% if {name} %}}")


def read_template(label: str, source: str) -> Template:
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
    if faults := faults_of(tree, purpose):
        raise TemplateError(label, faults)
    compiled = _sandbox().from_string(tree)
    return Template(label, purpose, version_of(source), variables_of(tree), numbers_of(tree), compiled)


def version_of(source: str) -> str:
    """sha256 of a template's source, hexadecimal."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def purpose_of(source: str) -> Purpose | None:
    """What `{# purpose: … #}` at the start of a template says, `collection` without one; none where it is unknown."""
    said = _PURPOSE.match(source)
    if said is None:
        return "collection"
    return next((purpose for purpose in VARIABLES if purpose == said[1]), None)


@cache
def source_of(name: str, language: str) -> str:
    """The source of a template that is here. Raises `template.not_found`."""
    path = FOLDER / f"{name}.{language}.txt.j2"
    if not path.is_file():
        known = ", ".join(sorted(template_names()))
        raise SendaError(
            "template.not_found", f"no template {name!r} in language {language!r}; there are {known}", name
        )
    return path.read_bytes().decode("utf-8")


@cache
def load_template(name: str, language: str) -> Template:
    """A template that is here, read once. Raises `TemplateError`, `template.not_found`."""
    return read_template(f"{name}.{language}", source_of(name, language))


@cache
def template_names(purpose: Purpose | None = None) -> frozenset[str]:
    """The names of the templates that are here, of one purpose or of all."""
    names = {path.name.partition(".")[0] for path in FOLDER.glob("*.es.txt.j2")}
    return frozenset(name for name in names if purpose in (None, purpose_of(source_of(name, "es"))))


@cache
def _sandbox() -> ImmutableSandboxedEnvironment:
    here = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    here.filters = {name: here.filters[name] for name in FILTERS}
    here.globals.clear()
    here.tests.clear()
    return here
