"""Shapes of what people say and do: preferences with their evidence, permits to contact somebody, outcomes."""

from datetime import date, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from api.problems import Problem
from api.shapes import Instant, Shape, Slug, Words
from channels.template_language import Language
from ledger.asking import Disposition
from ledger.preferences import Origin
from policy import OwnRequest
from policy.rules import Hours
from policy.vocabulary import Channel, Purpose, Role

HOURS: list[Any] = [[{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "17:00", "closes": "19:00"}]]
REQUESTS: list[Any] = [
    [
        {
            "hours": [{"days": ["sun"], "opens": "10:00", "closes": "12:00"}],
            "channels": ["call"],
            "since": "2026-03-01",
            "separate": True,
            "solicited": False,
            "document": "rad-2026-0117",
            "dated": "2026-02-27",
        }
    ]
]


class Evidence(Shape):
    """When the person said it, by what way, and the reference of the proof; who recorded it is whoever asks."""

    origin: Origin
    stated_at: Instant | None = Field(default=None, examples=["2026-02-27T10:15:00-05:00"], description="none: now")
    document: Words | None = Field(
        default=None, max_length=128, examples=["rad-2026-0117"], description="a reference, never the text itself"
    )


class OwnRequestIn(OwnRequest):
    """The person's own request for other hours (CO-10), with its document."""

    document: Words = Field(max_length=128, examples=["rad-2026-0117"], description="the instrument's reference")
    dated: date = Field(examples=["2026-02-27"], description="the day on which the person signed it")

    @model_validator(mode="after")
    def _holds_once_it_is_signed(self) -> Self:
        if self.since < self.dated:
            raise ValueError(f"a request dated {self.dated} cannot hold since {self.since}, before it was made")
        return self


class PreferencesIn(Shape):
    """What the person said; what is not given stays as it is. `creditor` none: said to all of them.

    A yes takes a proof: an authorised channel, or a no that is taken back, needs `evidence.document`, and one from
    after the no. To take back a preferred channel or language, send null; hours or requests, an empty list.
    """

    creditor: Slug | None = Field(default=None, examples=["amable"])
    channels: dict[Channel, Literal["authorised", "revoked"]] = Field(default={}, examples=[{"sms": "revoked"}])
    preferred_channel: Channel | None = Field(default=None, examples=["whatsapp"])
    preferred_hours: list[Hours] = Field(
        default_factory=list[Hours],
        max_length=7,
        examples=HOURS,
        description="collection contacts only within them; none: any",
    )
    language: Language | None = Field(default=None, examples=["es"])
    do_not_contact: bool = Field(
        default=False, examples=[True], description="nothing but information that the person asks for"
    )
    cease: bool = Field(default=False, examples=[True], description="the person asked that collection contacts end")
    represented_by_attorney: bool = Field(
        default=False, examples=[True], description="no collection contacts with the person"
    )
    own_requests: list[OwnRequestIn] = Field(
        default_factory=list[OwnRequestIn],
        max_length=10,
        examples=REQUESTS,
        description="other hours, asked for by the person: the whole list",
    )
    evidence: Evidence


class Wishes(BaseModel):
    """What the person wants beside the channels."""

    preferred_hours: list[Hours]
    do_not_contact: bool
    cease: bool
    represented_by_attorney: bool
    own_requests: list[OwnRequestIn]


class Holds(Wishes):
    """What holds of all that the person said: to all creditors, or as it holds for the one that was asked for."""

    channels: dict[str, Literal["authorised", "revoked"]]
    preferred_channel: str | None
    language: str | None


class AsDebtor(Wishes):
    """How one creditor may contact the person: its file, corrected by what the person said."""

    creditor: str
    authorised_channels: list[str]
    preferred_channel: str | None
    language: str
    time_zones: list[str]
    packs: list[str] = Field(description="of where the person lives, beside the creditor's")


class EntryOut(BaseModel):
    """One entry: what was said, when and by what way, the proof, and who recorded it."""

    id: int
    creditor: str | None = Field(description="none: said to all of them")
    subject: str = Field(description="`file` is what a creditor's import says", examples=["channel"])
    channel: str | None = Field(description="where the subject is one")
    value: Any
    origin: str
    document: str | None
    stated_at: datetime
    actor: str
    recorded_at: datetime


class PreferencesOut(BaseModel):
    """A person's preferences, what they mean for each creditor, and every entry, newest first."""

    debtor: str
    creditor: str | None
    holds: Holds
    creditors: list[AsDebtor]
    history: list[EntryOut]


class PermitIn(Shape):
    """Whom a person or a dialer wants to contact, how and what for."""

    creditor: Slug = Field(examples=["amable"])
    account: Words = Field(max_length=128, examples=["CR-10024"])
    channel: Channel = Field(default="call")
    purpose: Purpose = Field(default="collection")
    role: Role = Field(default="debtor", description="of whoever is addressed")


class PermitOut(BaseModel):
    """Go ahead, before `expires_at`. Then report what came of it: POST /v1/contacts/{id}/outcome."""

    id: int
    allowed: Literal[True] = True
    channel: str
    decided_at: datetime
    expires_at: datetime
    why: str


class Refused(Problem):
    """Do not contact. `rules` block it, or `reason` (`paused`, `nothing_owed`)."""

    id: int = Field(description="of the refusal in the record")
    allowed: Literal[False] = False
    rules: list[str] = Field(examples=[["CO-03"]])
    reason: str | None = None
    next_allowed_at: datetime | None
    why: str


class OutcomeIn(Shape):
    """What came of a contact."""

    disposition: Disposition = Field(examples=["no_answer"])
    at: Instant | None = Field(
        default=None, examples=["2026-03-05T10:02:00-05:00"], description="when it happened; none: now"
    )


class OutcomeOut(BaseModel):
    """The outcome as it is kept. `late`: the contact was made after its permit had expired."""

    id: int
    status: str
    disposition: str
    at: datetime
    late: bool
