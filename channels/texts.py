"""The texts that debtors read: one template a purpose, language and channel, filled with what the permit knows."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from channels.approved import approved_of
from channels.message import Message
from channels.templating import FOLDER, Template, load_template, template_names
from channels.values import Values, phrase, receipt_values_of, values_of, who
from journey.playbook import Stage, Tone
from ledger.permits import Permit
from policy.errors import SendaError

STANDARD: dict[Stage, str] = {
    "preventive": "reminder",
    "administrative": "overdue",
    "prejuridical": "prejuridical-notice",
}
"""The template of a stage, for steps that name one that is not here."""

RECEIPT = "payment-confirmation"

SIZES: dict[str, int] = {"sms": 1600, "whatsapp": 1024, "letter": 20_000, "email": 200_000}
"""Characters that a channel takes (an e-mail with its HTML). Twilio and Meta refuse what is longer."""


@dataclass(frozen=True, slots=True)
class Text:
    """A message, and what proves it without keeping it.

    `sha256` is that of its words, `template` names whose they were: `overdue.es@` or `overdue.es.sms@` and the sha256
    of the source.
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
    approved_names: Mapping[str, str] | None = None,
) -> Text:
    """The message for a permit: in the debtor's language, by its channel's own text, with the amount owed and how to
    solve it.

    `sender` writes for the creditor (none: the creditor itself). `pay_link` is an http(s) address (none: the permit's;
    without one the texts point to the creditor's means of payment). `stop` says how to stop (none: the sentence of
    the permit's channel; a WhatsApp text has always that one, which was approved with it). `approved_names` are the
    names of templates at Meta, where they differ from the rule (`channels.approved`).

    Raises, before there is anything to send: `TemplateError` where the template cannot be used, `template.bad_link`
    where a link is no address, `template.too_long` where the channel does not take as much.
    """
    name = template if template in templates() else STANDARD[stage]
    link = pay_link if pay_link is not None else permit.pay_link
    _require_address(link, "pay_link")
    used = load_template(name, permit.language, permit.channel)
    values = values_of(permit, tone, stage, sender=sender, pay_link=link, stop=_stop(used, stop))
    return write(permit, used, name, values, sender=sender, approved_names=approved_names)


def render_receipt(
    permit: Permit,
    amount: Decimal,
    paid_on: date,
    *,
    tone: Tone = "friendly",
    sender: str | None = None,
    stop: str | None = None,
    approved_names: Mapping[str, str] | None = None,
) -> Text:
    """The receipt of a payment of an amount, received on a local day. `permit.balance` is what is left after it.

    Options and errors as in `render`.
    """
    used = load_template(RECEIPT, permit.language, permit.channel)
    values = receipt_values_of(permit, amount, paid_on, tone, sender=sender, stop=_stop(used, stop))
    return write(permit, used, RECEIPT, values, sender=sender, approved_names=approved_names)


def write(
    permit: Permit,
    used: Template,
    name: str,
    values: Values,
    *,
    sender: str | None = None,
    approved_names: Mapping[str, str] | None = None,
) -> Text:
    """The message of a template that was read, with these values. Errors as in `render`."""
    _require_address(permit.stop_link, "stop_link")
    subject, text = used.fill(values)
    writes, pay_link = who(permit, sender), values.get("pay_link")
    approved = None
    if used.variant == "whatsapp":
        approved = approved_of(used, name, permit.language, values, approved_names)
    html = _html(permit, subject, text, writes, str(pay_link or "")) if permit.channel == "email" else ""
    _require_size(permit.channel, len(text) + len(html))
    message = Message(
        key=permit.key,
        to=permit.address,
        subject=subject,
        text=text,
        html=html,
        language=permit.language,
        reference=str(permit.contact_id),
        sender=writes,
        recipient=permit.name,
        stop_link=permit.stop_link,
        approved=approved,
    )
    digest = hashlib.sha256(f"{subject}\n{text}".encode()).hexdigest()
    return Text(message, digest, f"{used.label}@{used.version}")


def _stop(used: Template, stop: str | None) -> str | None:
    """A WhatsApp text says how to stop in the words that were approved."""
    return None if used.variant == "whatsapp" else stop


def _require_address(link: str | None, field: str) -> None:
    if link is not None and not link.startswith(("https://", "http://")):
        raise SendaError("template.bad_link", "a link must begin with https:// or http://", field)


def _require_size(channel: str, length: int) -> None:
    most = SIZES.get(channel)
    if most is not None and length > most:
        message = f"the text has {length} characters, {channel} takes {most}: shorten the template"
        raise SendaError("template.too_long", message, channel)


def _html(permit: Permit, subject: str, text: str, writes: str, pay_link: str) -> str:
    return (
        _mail()
        .get_template("mail.html.j2")
        .render(
            language=permit.language,
            subject=subject,
            sender=writes,
            paragraphs=_paragraphs(text, pay_link),
            pay_link=pay_link,
            pay=phrase(permit.language, "pay"),
            stop_link=permit.stop_link,
            unsubscribe=phrase(permit.language, "unsubscribe"),
        )
    )


def _paragraphs(text: str, link: str) -> Iterator[tuple[Markup, bool]]:
    """The paragraphs for HTML, with the payment link to press, and whether a paragraph holds it."""
    anchor = Markup('<a href="{0}" style="color:#1f5d50;overflow-wrap:anywhere">{0}</a>').format(link)
    for paragraph in text.split("\n\n"):
        escaped = Markup.escape(paragraph)
        linked = escaped.replace(Markup.escape(link), anchor) if link else escaped
        yield linked.replace("\n", Markup("<br>")), linked != escaped


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
