"""A conversation: what is kept between messages, what the person said, what is said back and what is to be done."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field

from channels.bot.facts import Language
from channels.message import Choice
from journey.playbook import Values

Medium = Literal["text", "voice"]
Step = Literal[
    "start",
    "identify",
    "menu",
    "account",
    "promise_date",
    "promise_amount",
    "promise_confirm",
    "plan_count",
    "plan_confirm",
    "dispute_kind",
    "ended",
]
"""What the person was asked last."""

Topic = Literal["balance", "link", "send_link", "promise", "plan", "dispute", "interest"]
Wanted = Topic | Literal["not_mine", "already_paid", "wrong_amount"]
"""What a person may want to talk about; the last three are disputes whose kind was said at once."""

DisputeReason = Literal["not_mine", "already_paid", "wrong_amount", "other"]
PersonReason = Literal["asked", "identification_failed", "cannot_identify", "not_understood"]


class Talk(Values):
    """The state of a conversation, kept between messages.

    `tries`: wrong answers to the question who it is; `misses`: messages in a row that were not understood; `refused`:
    days and amounts in a row beyond the limits; `offered`: keys of the choices last shown; `wanted`: what to go on with
    once the person is identified, or the account chosen; `proposal`: what the person is asked to confirm.
    """

    language: Language
    step: Step = "start"
    tries: int = 0
    identified: bool = False
    blocked: bool = False
    handed_over: bool = False
    misses: int = 0
    refused: int = 0
    account: str | None = None
    wanted: Wanted | None = None
    day: date | None = None
    amount: Decimal | None = None
    count: int | None = None
    proposal: str | None = None
    offered: tuple[str, ...] = ()

    @classmethod
    def new(cls, language: Language) -> Self:
        """A conversation that begins."""
        return cls(language=language)

    @property
    def known(self) -> bool:
        """Whether the person may be told anything."""
        return self.identified and not self.blocked


class Said(Values):
    """What the person wrote (or said), the key of the choice that they pressed, or their keys on a telephone."""

    text: str = ""
    choice: str | None = None
    keys: str | None = None


class Stop(Values):
    """The person wants no more messages by this channel."""

    kind: Literal["stop"] = "stop"


class NotMe(Values):
    """Whoever answers is not the person."""

    kind: Literal["not_me"] = "not_me"


class AskPerson(Values):
    """Somebody of the staff must go on."""

    kind: Literal["ask_person"] = "ask_person"
    reason: PersonReason


class MakePromise(Values):
    """The person promised and confirmed: `amount` by `due_date`, within the account's `PromiseLimits`."""

    kind: Literal["make_promise"] = "make_promise"
    account: str
    amount: Decimal
    due_date: date


class MakePlan(Values):
    """The person chose and confirmed a plan within the account's `PlanLimits`; its amounts sum to the balance."""

    kind: Literal["make_plan"] = "make_plan"
    account: str
    instalments: tuple[tuple[date, Decimal], ...]


class OpenDispute(Values):
    """The person says that the debt is wrong."""

    kind: Literal["open_dispute"] = "open_dispute"
    account: str
    reason: DisputeReason


class SendLink(Values):
    """Somebody on the telephone wants the account's payment link as a message."""

    kind: Literal["send_link"] = "send_link"
    account: str


class Asked(Values):
    """An identified person asked about something; for statistics."""

    kind: Literal["asked"] = "asked"
    topic: Topic


Act = Annotated[
    Stop | NotMe | AskPerson | MakePromise | MakePlan | OpenDispute | SendLink | Asked, Field(discriminator="kind")
]


class Turn(Values):
    """What the bot makes of a message. `says`: paragraphs; `choices`: at most nine; `acts`: to be carried out.

    `digits`: for voice, how many keys are expected (none: until #). `finish`: the conversation is over.
    """

    talk: Talk
    says: tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    acts: tuple[Act, ...] = ()
    digits: int | None = None
    finish: bool = False
