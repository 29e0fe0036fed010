"""One turn in the making: what was kept, what was said, what is known; and how an answer is put together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency

from channels.bot.choosing import MENU, PERSON, tokens
from channels.bot.facts import AccountFacts, Facts, Language
from channels.bot.limits import plans, promises
from channels.bot.talk import Act, Medium, Said, Talk, Topic, Turn
from channels.bot.understanding import LONGEST, fold
from channels.bot.words import LOCALES, words_of
from channels.message import Choice

TOPICS: tuple[Topic, ...] = ("balance", "link", "send_link", "promise", "plan", "dispute", "interest")
ALWAYS: frozenset[str] = frozenset({"stop", "not_me", "person", "menu", *TOPICS})
"""Keys of choices that mean the same whenever they are pressed. The others hold only while they are offered."""

LABEL = 20
"""Characters of a choice's label, at most: a button's in WhatsApp."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the person said: `key` of a choice; else `text`, its folded `words`, or unassigned `digits` of a phone."""

    key: str | None = None
    text: str = ""
    words: str = ""
    digits: str | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """All that an answer follows from."""

    talk: Talk
    facts: Facts
    medium: Medium
    heard: Heard

    def keeping(self, **kept: Any) -> "Scene":
        """The scene with other fields of the talk."""
        return replace(self, talk=self.talk.model_copy(update=kept))

    def unheard(self) -> "Scene":
        """The scene without what was said: it has been dealt with."""
        return replace(self, heard=Heard())

    @property
    def owing(self) -> tuple[AccountFacts, ...]:
        """The accounts with a balance."""
        return tuple(account for account in self.facts.accounts if account.balance > 0)

    @property
    def account(self) -> AccountFacts | None:
        """The account that the talk is about, while it has a balance."""
        return next((account for account in self.owing if account.account == self.talk.account), None)

    def say(self, key: str, **values: str | int) -> str:
        """A sentence, in the medium's wording where it has one of its own."""
        says = words_of(self.talk.language).says
        template = says.get(f"{key}_voice", says[key]) if self.medium == "voice" else says[key]
        return template.format(**{name: one_line(str(value)) for name, value in values.items()})

    def money(self, amount: Decimal) -> str:
        """An amount as the language writes it, or says it; without decimals that are zero."""
        return _money(amount, self.facts.currency, self.talk.language, self.medium)

    def day(self, day: date) -> str:
        """A day as the language writes it, the month in words."""
        return _day(day, self.talk.language)

    def lines(self, *lines: str) -> tuple[str, ...]:
        """Lines of one paragraph; read aloud they are sentences of their own."""
        return lines if self.medium == "voice" else ("\n".join(lines),)

    def label(self, key: str) -> str:
        """What a choice is called."""
        labels = words_of(self.talk.language).labels
        name, _, value = key.partition("=")
        if name == "account":
            shown = one_line(value) or "-"
            value = shown if len(shown) <= LABEL else f"…{shown[1 - LABEL :]}"
        elif name == "plan" and value:
            name = "plan_count_single" if value == "1" else "plan_count"
        elif name == "dispute" and value:
            name = value
        label = labels.get(f"{name}_voice", labels[name]) if self.medium == "voice" else labels[name]
        return label.format(account=value, count=value)

    def answer(
        self,
        *says: str,
        choices: tuple[str, ...] = (),
        acts: tuple[Act, ...] = (),
        digits: int | None = None,
        finish: bool = False,
        keep: Mapping[str, Any] | None = None,
    ) -> Turn:
        """The turn that says this, offers these choices and keeps this. Whoever is answered was understood.

        `digits`: the keys that a telephone waits for: none: one, for a choice; 0: until #, where no menu is read out
        (its keys count all the same). Where the conversation finishes there is nothing to choose.
        """
        kept = {"misses": 0, "offered": () if finish else choices, **(keep or {})}
        keys = 1 if digits is None else digits
        shown = () if finish or (self.medium == "voice" and keys == 0) else choices
        return Turn(
            talk=self.talk.model_copy(update=kept),
            says=tuple(paragraph for paragraph in says if paragraph),
            choices=tuple(Choice(key, self.label(key)) for key in shown),
            acts=acts,
            digits=(keys or None) if self.medium == "voice" and not finish else None,
            finish=finish,
        )

    def back(self, *says: str, acts: tuple[Act, ...] = (), choices: tuple[str, ...] = ()) -> Turn:
        """The turn that ends a topic: these choices, the menu, a person; nothing of the topic is kept."""
        return self.answer(*says, acts=acts, choices=(*choices, MENU, PERSON), keep=NOTHING)

    def menu(self, *says: str, acts: tuple[Act, ...] = ()) -> Turn:
        """The menu, with what is possible for this person."""
        return self.answer(*says, acts=acts, choices=(*self.possible(), "interest", PERSON, "stop"), keep=NOTHING)

    def possible(self, *without: Topic) -> tuple[Topic, ...]:
        """The topics about accounts that lead somewhere, in the menu's order."""
        there: dict[Topic, bool] = {
            "balance": bool(self.owing),
            "link": bool(self.about("link")),
            "promise": bool(self.about("promise")),
            "plan": bool(self.about("plan")),
            "dispute": bool(self.owing),
        }
        return tuple(topic for topic, leads in there.items() if leads and topic not in without)

    def about(self, topic: Topic) -> tuple[AccountFacts, ...]:
        """The accounts that a topic is possible for."""
        facts = self.facts
        if topic in ("link", "send_link"):
            return tuple(account for account in self.owing if account.pay_link)
        if topic == "promise":
            return tuple(account for account in self.owing if promises(account, facts.today, facts.currency))
        if topic == "plan":
            return tuple(account for account in self.owing if plans(account, facts.today, facts.currency))
        return self.owing


NOTHING: Mapping[str, Any] = {
    "step": "menu",
    "account": None,
    "wanted": None,
    "day": None,
    "amount": None,
    "count": None,
    "proposal": None,
    "refused": 0,
}
"""What is kept when no topic is open."""


def open_scene(talk: Talk, said: Said, facts: Facts, medium: Medium) -> Scene:
    """The scene of a turn. A choice that is not offered any more, or is none of ours, is heard as nothing."""
    known = talk.known
    if talk.step == "ended":
        talk = talk.model_copy(update={"step": "menu" if known else "start"})
    elif known != (talk.step not in ("start", "identify")):
        talk = talk.model_copy(update={"step": "menu" if known else "identify"})
    return Scene(talk, facts, medium, _heard(talk, said, medium))


@lru_cache(1024)
def _money(amount: Decimal, currency: str, language: Language, medium: Medium) -> str:
    locale = LOCALES[language]
    kind = "name" if medium == "voice" else "standard"
    if amount != amount.to_integral_value():
        return format_currency(amount, currency, locale=locale, format_type=kind)
    whole = "#,##0" if medium == "voice" else Locale.parse(locale).currency_formats["standard"].pattern
    return format_currency(amount, currency, whole.replace(".00", ""), locale, currency_digits=False, format_type=kind)


@lru_cache(1024)
def _day(day: date, language: Language) -> str:
    return format_date(day, "long", locale=LOCALES[language])


def one_line(value: str) -> str:
    """A line break in a name would look like a paragraph of ours."""
    return " ".join(value.split())


def _heard(talk: Talk, said: Said, medium: Medium) -> Heard:
    if said.choice is not None:
        return Heard(key=said.choice if said.choice in ALWAYS or said.choice in talk.offered else None)
    offered = tokens(talk.offered, medium)
    if said.keys is not None:
        keys = said.keys.strip().rstrip("#")
        return Heard(key=offered[keys]) if keys in offered else Heard(digits=keys)
    text = said.text[:LONGEST]
    token = text.strip().rstrip(".)")
    return Heard(key=offered[token]) if token in offered else Heard(text=text, words=fold(text))
