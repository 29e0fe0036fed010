"""The texts that debtors read: one template a purpose and language, filled with what the permit knows."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from channels.message import Message
from journey.playbook import Stage, Tone
from ledger.permits import Permit

FOLDER = Path(__file__).parent / "templates"
LOCALES = {"es": "es_CO", "en": "en_US", "pt": "pt_BR"}
STANDARD: dict[Stage, str] = {
    "preventive": "reminder",
    "administrative": "overdue",
    "prejuridical": "prejuridical-notice",
}
"""The template of a stage, for steps that name one that is not here."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message and the sha256 of its words, hexadecimal: what was said can be proved without keeping it."""

    message: Message
    sha256: str


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith("html.j2")),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@lru_cache(maxsize=1)
def templates() -> frozenset[str]:
    """The names of the templates that are here."""
    return frozenset(path.name.split(".")[0] for path in FOLDER.glob("*.es.txt.j2"))


def render(permit: Permit, template: str, tone: Tone, stage: Stage) -> Text:
    """The message for a permit: in the debtor's language, with the amount owed and how to solve it."""
    name = template if template in templates() else STANDARD[stage]
    locale = LOCALES[permit.language]
    values = {
        "name": permit.name.split()[0] if permit.name else None,
        "creditor": permit.creditor_name,
        "account": permit.account,
        "tone": tone,
        "amount": _money(permit.past_due if permit.past_due > 0 else permit.balance, permit.currency, locale),
        "balance": _money(permit.balance, permit.currency, locale),
        "due_date": format_date(permit.due_date, "long", locale=locale),
        "days_past_due": permit.days_past_due,
    }
    written = _environment().get_template(f"{name}.{permit.language}.txt.j2").render(values).strip()
    subject, _, text = written.partition("\n")
    html = (
        _environment()
        .get_template("mail.html.j2")
        .render(language=permit.language, creditor=permit.creditor_name, paragraphs=text.strip().split("\n\n"))
    )
    message = Message(key=permit.key, to=permit.address, subject=subject, text=text.strip(), html=html)
    digest = hashlib.sha256(f"{subject}\n{message.text}".encode()).hexdigest()
    return Text(message, digest)


def _money(amount: Decimal, currency: str, locale: str) -> str:
    return format_currency(amount, currency, locale=locale)
