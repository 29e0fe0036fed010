"""People and accounts of nobody for the bot's tests, and a conversation that goes on."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from channels.bot.engine import turn
from channels.bot.facts import AccountFacts, Facts, Language, Part, PlanLimits, PromiseLimits
from channels.bot.talk import Act, Asked, Medium, Said, Talk, Turn

TODAY = date(2026, 11, 24)
"""A Tuesday."""

CREDITOR = "Crédito Muestra"
NAME = "Ana María Pérez"
DOCUMENT = "4567"
LINK = "https://enlace.example/muestra"

PROMISE = PromiseLimits(last_day=date(2026, 12, 20), at_least=Decimal(20_000))
PLAN = PlanLimits(instalments=(2, 3, 12), first_by=date(2026, 12, 5), last_day=date(2027, 12, 31))


def account(number: str = "90001111", balance: Decimal = Decimal(300_100), **other: object) -> AccountFacts:
    """An account with two open dues, one of them before today."""
    half = balance / 2
    given: dict[str, object] = {
        "account": number,
        "balance": balance,
        "past_due": half,
        "due_date": date(2026, 10, 1),
        "days_past_due": 54,
        "parts": (Part(due_date=date(2026, 10, 1), amount=half), Part(due_date=date(2026, 12, 1), amount=half)),
        "pay_link": LINK,
        "promise": PROMISE,
        "plan": PLAN,
    }
    return AccountFacts.model_validate(given | other)


def facts(*accounts: AccountFacts, **other: object) -> Facts:
    """What is known of a person with one account, or these."""
    given: dict[str, object] = {
        "creditor_name": CREDITOR,
        "language": "es",
        "today": TODAY,
        "currency": "COP",
        "name": NAME,
        "document_last4": DOCUMENT,
        "accounts": accounts or (account(),),
    }
    return Facts.model_validate(given | other)


def nothing_owed() -> Facts:
    """What is known of a person whose account is paid."""
    return facts(account(balance=Decimal(0), past_due=Decimal(0), parts=()))


@dataclass
class Conversation:
    """A talk that is stored as JSON between messages, as it is in use."""

    facts: Facts = field(default_factory=facts)
    medium: Medium = "text"
    language: Language = "es"
    stored: str = ""
    last: Turn | None = None
    acts: list[Act] = field(default_factory=list[Act])

    def say(self, *texts: str) -> Turn:
        """What the bot answers to the last of these texts."""
        return self._on(*(Said(text=text) for text in texts))

    def press(self, *choices: str) -> Turn:
        """What the bot answers to the last of these choices."""
        return self._on(*(Said(choice=choice) for choice in choices))

    def keys(self, *keys: str) -> Turn:
        """What the bot answers to the last of these keys of a telephone."""
        return self._on(*(Said(keys=each) for each in keys))

    def identified(self) -> "Conversation":
        """The conversation, once the person has said who it is."""
        self.say("hola", DOCUMENT)
        assert self.talk.identified
        return self

    @property
    def talk(self) -> Talk:
        return Talk.model_validate_json(self.stored) if self.stored else Talk.new(self.language)

    def _on(self, *all_said: Said) -> Turn:
        for said in all_said:
            self.last = turn(self.talk, said, self.facts, self.medium)
            self.stored = self.last.talk.model_dump_json()
            self.acts.extend(act for act in self.last.acts if not isinstance(act, Asked))
        assert self.last is not None
        return self.last


def text_of(answer: Turn) -> str:
    """All that a turn says."""
    return "\n".join(answer.says)


def keys_of(answer: Turn) -> set[str]:
    """The keys of a turn's choices."""
    return {choice.key for choice in answer.choices}
