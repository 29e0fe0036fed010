"""What a template's variables stand for: a permit's facts, as its language and channel write them."""

import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

import yaml
from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency

from channels.segments import BASIC, EXTENSION
from journey.playbook import Stage, Tone
from ledger.consolidation import AccountDue
from ledger.permits import Permit

Values = dict[str, str | int | None]

LOCALES = {"es": "es_CO", "en": "en_US", "pt": "pt_BR"}
SHORT = frozenset({"sms", "push"})
"""Channels whose amounts and dates are written as short as they can be."""

MOST_ACCOUNTS = 5
"""How many accounts a message names; of more it names one less, and says how many follow."""

_SHORT_DAYS = {"es": "dd/MM/yyyy", "en": "MMM d, yyyy", "pt": "dd/MM/yyyy"}
_GSM = BASIC | EXTENSION
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "•": "-"})


def values_of(
    permit: Permit,
    tone: Tone,
    stage: Stage,
    *,
    sender: str | None = None,
    pay_link: str | None = None,
    stop: str | None = None,
) -> Values:
    """What a template of purpose `collection` may name (`template_language.VARIABLES`); None: missing.

    Of several accounts `amount` and `balance` are the sums, `due_date` and `days_past_due` those of the oldest due.
    """
    due = (
        AccountDue(permit.account, permit.past_due, permit.balance, permit.due_date, permit.days_past_due),
        *permit.others,
    )
    is_late = any(each.past_due > 0 for each in due)
    asked = [each.past_due if is_late else each.balance for each in due]
    oldest = min(each.due_date for each in due)
    several = _several(permit, due, asked) if len(due) > 1 else None
    values: Values = {
        **_values(permit, tone, sender, stop),
        "account": _listed([_one_line(each.account) for each in due], permit.language),
        "accounts": several,
        "your_accounts": _your_accounts(permit, due, asked),
        "stage": stage,
        "amount": _amount(permit, sum(asked, Decimal(0))),
        "balance": _amount(permit, sum((each.balance for each in due), Decimal(0))),
        "due_date": _day(permit, oldest),
        "days_past_due": max(each.days_past_due for each in due),
        "pay_link": pay_link,
        "pay_at": pay_link or phrase(permit.language, "means", creditor=_one_line(permit.creditor_name)),
    }
    return _for_channel(permit.channel, values)


def receipt_values_of(
    permit: Permit,
    amount: Decimal,
    paid_on: date,
    tone: Tone,
    *,
    sender: str | None = None,
    stop: str | None = None,
) -> Values:
    """What a template of purpose `payment_confirmation` may name; `balance` is what the permit says is left."""
    values: Values = {
        **_values(permit, tone, sender, stop),
        "account": _one_line(permit.account),
        "amount": _amount(permit, amount),
        "balance": _amount(permit, permit.balance),
        "paid_on": _day(permit, paid_on),
    }
    return _for_channel(permit.channel, values)


def stop_sentence(language: str, channel: str) -> str:
    """How a person stops the messages of a channel, in words (`stops.yaml`)."""
    sentences = _yaml("stops.yaml")[language]
    return sentences.get(channel, sentences["other"])


def phrase(language: str, key: str, **named: str | int) -> str:
    """Words that every text says alike (`phrases.yaml`)."""
    return _yaml("phrases.yaml")[language][key].format(**named)


def who(permit: Permit, sender: str | None) -> str:
    """Who writes, in words: the creditor, or "… for …" where somebody else does."""
    creditor = _one_line(permit.creditor_name)
    writes = _one_line(sender or "") or creditor
    return creditor if writes == creditor else phrase(permit.language, "for", sender=writes, creditor=creditor)


@lru_cache(1024)
def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount as the language writes it."""
    return format_currency(amount, currency, locale=LOCALES[language])


@lru_cache(1024)
def long_date(day: date, language: str) -> str:
    """A day as the language writes it, the month in words."""
    return format_date(day, "long", locale=LOCALES[language])


@lru_cache(1024)
def short_money(amount: Decimal, currency: str, language: str) -> str:
    """An amount without its decimals where they are zero."""
    if amount != amount.to_integral_value():
        return money(amount, currency, language)
    pattern = Locale.parse(LOCALES[language]).currency_formats["standard"].pattern.replace(".00", "")
    return format_currency(amount, currency, pattern, locale=LOCALES[language], currency_digits=False)


@lru_cache(1024)
def short_date(day: date, language: str) -> str:
    """A day in ten to twelve characters."""
    return format_date(day, _SHORT_DAYS[language], locale=LOCALES[language])


def plain(text: str) -> str:
    """A text without the accents and signs that would make an SMS of it hold 70 characters instead of 160.

    What has no plain form stays.
    """
    return "".join(_plain(character) for character in text.translate(_PLAIN))


def _plain(character: str) -> str:
    if character in _GSM:
        return character
    apart = unicodedata.normalize("NFKD", character)
    bare = "".join(part for part in apart if unicodedata.category(part) != "Mn")
    return bare if set(bare) <= _GSM else character


def _values(permit: Permit, tone: Tone, sender: str | None, stop: str | None) -> Values:
    """What all purposes may name."""
    language, creditor = permit.language, _one_line(permit.creditor_name)
    writes = _one_line(sender or "") or creditor
    name = next(iter((permit.name or "").split()), None)
    on_behalf = phrase(language, "on_behalf", sender=writes, creditor=creditor)
    return {
        "name": name,
        "reader": name or phrase(language, "customer", creditor=creditor),
        "creditor": creditor,
        "sender": writes,
        "writer": creditor if writes == creditor else on_behalf,
        "tone": tone,
        "stop": stop or stop_sentence(language, permit.channel),
    }


def _several(permit: Permit, due: Sequence[AccountDue], asked: Sequence[Decimal]) -> str:
    """Each of several accounts with its amount and its due date, on a line of its own; an SMS has no room for that."""
    if permit.channel in SHORT:
        items = [f"{_one_line(each.account)} {_amount(permit, owed)}" for each, owed in zip(due, asked, strict=True)]
        return _listed(items, permit.language)
    lines = [
        f"{_one_line(each.account)}: {_amount(permit, owed)} ({_day(permit, each.due_date)})"
        for each, owed in zip(due, asked, strict=True)
    ]
    return "\n".join(f"• {line}" for line in _shown(lines, permit.language))


def _your_accounts(permit: Permit, due: Sequence[AccountDue], asked: Sequence[Decimal]) -> str:
    """The account, or each of several with its amount and its due date, as part of a sentence."""
    language = permit.language
    if len(due) == 1:
        return phrase(language, "account", account=_one_line(permit.account))
    amounts = [short_money(owed, permit.currency, language) for owed in asked]
    items = [
        f"{_one_line(each.account)} ({amount}, {short_date(each.due_date, language)})"
        for each, amount in zip(due, amounts, strict=True)
    ]
    return phrase(language, "accounts", accounts=_listed(items, language))


def _listed(items: Sequence[str], language: str) -> str:
    """Items as a sentence lists them."""
    *first, last = _shown(items, language)
    return phrase(language, "and", first=", ".join(first), last=last) if first else last


def _shown(items: Sequence[str], language: str) -> list[str]:
    """The items that a message has room for, and how many more there are."""
    if len(items) <= MOST_ACCOUNTS:
        return list(items)
    shown = items[: MOST_ACCOUNTS - 1]
    return [*shown, phrase(language, "more", count=len(items) - len(shown))]


def _amount(permit: Permit, amount: Decimal) -> str:
    written = short_money if permit.channel in SHORT else money
    return written(amount, permit.currency, permit.language)


def _day(permit: Permit, day: date) -> str:
    return (short_date if permit.channel in SHORT else long_date)(day, permit.language)


def _for_channel(channel: str, values: Values) -> Values:
    if channel != "sms":
        return values
    return {name: plain(value) if isinstance(value, str) else value for name, value in values.items()}


def _one_line(value: str) -> str:
    """A line break in a name would end the subject."""
    return " ".join(value.split())


@cache
def _yaml(file: str) -> dict[str, dict[str, str]]:
    return yaml.safe_load((Path(__file__).parent / file).read_text(encoding="utf-8"))
