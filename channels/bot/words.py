"""The bot's words, `words/{es,en,pt}.yaml`: what it says, what it hears, how people write days and amounts."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from channels.bot.facts import Language
from journey.playbook import Values

LANGUAGES: tuple[Language, ...] = ("es", "en", "pt")
LOCALES: dict[Language, str] = {"es": "es_CO", "en": "en_US", "pt": "pt_BR"}


class Phrases(Values):
    """What something is known by: `whole` is all of a message, `within` a part of it (of `stop`: a sentence of it)."""

    whole: tuple[str, ...]
    within: tuple[str, ...]


class Reads(Values):
    """How people write days and amounts. `weekdays` from Monday, `numbers` from one."""

    today: tuple[str, ...]
    tomorrow: tuple[str, ...]
    after_tomorrow: tuple[str, ...]
    within: tuple[str, ...]
    day: tuple[str, ...]
    week: tuple[str, ...]
    next_week: tuple[str, ...]
    month_end: tuple[str, ...]
    on_day: tuple[str, ...]
    of: tuple[str, ...]
    weekdays: tuple[tuple[str, ...], ...] = Field(min_length=7, max_length=7)
    numbers: tuple[tuple[str, ...], ...] = Field(min_length=1)
    thousand: tuple[str, ...]
    million: tuple[str, ...]
    whole_balance: tuple[str, ...]
    smallest: tuple[str, ...]
    instalment: tuple[str, ...]


class Words(Values):
    """The words of one language. `interest`: the sentences that `Facts.interest` may name."""

    says: dict[str, str]
    interest: dict[str, str]
    labels: dict[str, str]
    hears: dict[str, Phrases]
    reads: Reads


@cache
def words_of(language: Language) -> Words:
    """The words of a language; read from the package once."""
    text = (Path(__file__).parent / "words" / f"{language}.yaml").read_text(encoding="utf-8")
    return Words.model_validate(yaml.safe_load(text))
