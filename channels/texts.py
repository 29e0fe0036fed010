"""The texts that debtors read: one template a purpose and language, filled with what the permit knows."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path

import yaml
from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from channels.message import Message
from channels.templating import FOLDER, load_template, template_names
from journey.playbook import Stage, Tone
from ledger.permits import Permit
from policy.errors import SendaError

LOCALES = {"es": "es_CO", "en": "en_US", "pt": "pt_BR"}
STANDARD: dict[Stage, str] = {
    "preventive": "reminder",
    "administrative": "overdue",
    "prejuridical": "prejuridical-notice",
}
"""The template of a stage, for steps that name one that is not here."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message, and what proves it without keeping it.

    `sha256` is that of its words, `template` names whose they were: `overdue.es@` and the sha256 of the source.
    """

    message: Message
    sha256: str
    template: str


def templates() -> frozenset[str]:
    """The names of the templates that a playbook's steps may use: those that collect."""
    return template_names("collection")


def render(
    permit: Permit,
    template: str,
    tone: Tone,
    stage: Stage,
    *,
    sender: str | None = None,
    pay_link: str | None = None,
    stop: str | None = None,
) -> Text:
    """The message for a permit: in the debtor's language, with the amount owed and how to solve it.

    `sender` writes for the creditor (none: the creditor itself). `pay_link` is an http(s) address (none: the texts
    point to the creditor's means of payment). `stop` says how to stop (none: the sentence of the permit's channel).
    Raises `TemplateError` where the template cannot be used, `template.bad_link` where the link is no address: in
    either case before there is anything to send.
    """
    if pay_link is not None and not pay_link.startswith(("https://", "http://")):
        raise SendaError("template.bad_link", "the payment link must begin with https:// or http://", "pay_link")
    name = template if template in templates() else STANDARD[stage]
    used = load_template(name, permit.language)
    values = values_of(permit, tone, stage, sender=sender, pay_link=pay_link, stop=stop)
    subject, text = used.fill(values)
    html = (
        _mail()
        .get_template("mail.html.j2")
        .render(
            language=permit.language,
            creditor=permit.creditor_name,
            paragraphs=_linked(text.split("\n\n"), pay_link),
        )
    )
    message = Message(key=permit.key, to=permit.address, subject=subject, text=text, html=html)
    digest = hashlib.sha256(f"{subject}\n{message.text}".encode()).hexdigest()
    return Text(message, digest, f"{name}.{permit.language}@{used.version}")


def values_of(
    permit: Permit,
    tone: Tone,
    stage: Stage,
    *,
    sender: str | None = None,
    pay_link: str | None = None,
    stop: str | None = None,
) -> dict[str, str | int | None]:
    """What a template of purpose `collection` may name (`VARIABLES`), in the permit's language; None: missing."""
    creditor = _one_line(permit.creditor_name)
    return {
        "name": next(iter((permit.name or "").split()), None),
        "creditor": creditor,
        "sender": _one_line(sender) if sender else creditor,
        "account": _one_line(permit.account),
        "tone": tone,
        "stage": stage,
        "amount": money(permit.past_due if permit.past_due > 0 else permit.balance, permit.currency, permit.language),
        "balance": money(permit.balance, permit.currency, permit.language),
        "due_date": long_date(permit.due_date, permit.language),
        "days_past_due": permit.days_past_due,
        "pay_link": pay_link,
        "stop": stop or stop_sentence(permit.language, permit.channel),
    }


def stop_sentence(language: str, channel: str) -> str:
    """How a person stops the messages of a channel, in words (`stops.yaml`)."""
    sentences = _stops()[language]
    return sentences.get(channel, sentences["other"])


def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount as the language writes it."""
    return format_currency(amount, currency, locale=LOCALES[language])


def long_date(day: date, language: str) -> str:
    """A day as the language writes it, the month in words."""
    return format_date(day, "long", locale=LOCALES[language])


def _one_line(value: str) -> str:
    """A line break in a name would end the subject."""
    return " ".join(value.split())


def _linked(paragraphs: Iterable[str], link: str | None) -> list[Markup]:
    """The paragraphs for HTML, with the payment link to press."""
    escaped = [Markup.escape(paragraph) for paragraph in paragraphs]
    if link is None:
        return escaped
    return [
        paragraph.replace(Markup.escape(link), Markup('<a href="{0}">{0}</a>').format(link)) for paragraph in escaped
    ]


@cache
def _stops() -> dict[str, dict[str, str]]:
    return yaml.safe_load((Path(__file__).parent / "stops.yaml").read_text(encoding="utf-8"))


@cache
def _mail() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
