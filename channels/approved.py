"""WhatsApp's approved texts: one fixed body a template and language, submitted to Meta once, then sent by its name.

Source: Meta, "Message templates": a body has numbered variables, neither at its edges nor side by side.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from channels.message import Approved
from channels.template_language import Language
from channels.templating import Template, load_template, shipped
from channels.values import Values, stop_sentence

LANGUAGES: dict[str, str] = {"es": "es", "en": "en", "pt": "pt_BR"}
"""How Meta names the languages."""

_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_AT_EDGE = re.compile(r"\A\W*\{\{|\}\}\W*\Z|\}\}\s*\{\{")


@dataclass(frozen=True, slots=True)
class ApprovedBody:
    """A text to submit for approval: its name and language at Meta, the body with {{1}}, {{2}} …, what they are."""

    template: str
    name: str
    language: str
    body: str
    variables: tuple[str, ...]


def approved_bodies(names: Mapping[str, str] | None = None) -> list[ApprovedBody]:
    """All texts to submit. `names`: a template's name at Meta, where it is another than the rule's."""
    return [
        body_of(load_template(name, language, "whatsapp"), name, language, names)
        for name, language, variant in shipped()
        if variant == "whatsapp"
    ]


def body_of(template: Template, name: str, language: Language, names: Mapping[str, str] | None = None) -> ApprovedBody:
    """The text to submit of a WhatsApp variant."""
    marked = _marked(template, language)
    order = _order(marked)
    body = _VARIABLE.sub(lambda found: f"{{{{{order.index(found[1]) + 1}}}}}", marked)
    return ApprovedBody(name, _name(name, names), LANGUAGES[language], body, order)


def approved_of(
    template: Template, name: str, language: str, values: Values, names: Mapping[str, str] | None = None
) -> Approved:
    """What names a message's approved text at the provider, with the values of its variables in their order."""
    order = _order(_marked(template, language))
    return Approved(_name(name, names), LANGUAGES[language], tuple(str(values[variable]) for variable in order))


def is_refused_by_meta(template: Template, language: str) -> bool:
    """Whether a variable stands at an edge of the body or right beside another one, which Meta takes for no text."""
    return _AT_EDGE.search(_marked(template, language)) is not None


def _marked(template: Template, language: str) -> str:
    """The body with {{name}} for each variable. How to stop is no variable: it is part of what is approved."""
    marks: Values = {name: f"{{{{{name}}}}}" for name in template.variables}
    return template.fill({**marks, "stop": stop_sentence(language, "whatsapp")})[1]


def _order(marked: str) -> tuple[str, ...]:
    """The variables in the order of their first appearance."""
    return tuple(dict.fromkeys(_VARIABLE.findall(marked)))


def _name(name: str, names: Mapping[str, str] | None) -> str:
    return (names or {}).get(name) or f"senda_{name.replace('-', '_')}"
