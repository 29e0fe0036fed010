"""The kinds of rule that a pack may hold. They serve every country: a new country is a file, not code.

Each kind is a frozen model; what it means for a decision is in `policy/plan.py`.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from policy.vocabulary import Channel, Purpose, Role, Weekday

Mark = Literal["Q", "S", "B", "P"]
"""Where a rule comes from: Q original wording, S secondary source, B background, P product default."""

RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2,4}-\d{2}$")]
CLOCK = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"
ClockTime = Annotated[str, StringConstraints(pattern=CLOCK)]
"""Local wall-clock time "HH:MM"; "24:00" is the end of the day."""

ClosedDay = Weekday | Literal["holidays"]
Week = Literal["rolling_week", "calendar_week"]


LONGEST_WAIT = 366
"""Days. A decision reads the person's contacts as far back as its packs' rules reach."""


def minute_of_day(clock: str) -> int:
    """Minutes after local midnight, 0 to 1440, of a `ClockTime`."""
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _require_order(opens: str, closes: str) -> None:
    if minute_of_day(opens) >= minute_of_day(closes):
        raise ValueError(f"hours must close after they open, not {opens} to {closes}")


class Frozen(BaseModel):
    """A value of a pack: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Frozen):
    """A rule in words, for lawyers and collections staff."""

    es: str = Field(min_length=1)
    en: str = Field(min_length=1)


class RuleBase(Frozen):
    """What every rule carries beside its parameters."""

    id: RuleId
    text: Text
    source: str = Field(min_length=1, description="statute and article, or where the default comes from")
    mark: Mark


class Hours(Frozen):
    """Local hours [opens, closes) on some weekdays: 18:59:59 is inside [07:00, 19:00), 19:00:00 is not."""

    days: tuple[Weekday, ...] = Field(min_length=1)
    opens: ClockTime
    closes: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _require_order(self.opens, self.closes)
        return self


class OwnHours(Frozen):
    """Local hours [opens, closes) that a person asked for, on weekdays that are no holiday, or on holidays."""

    days: tuple[ClosedDay, ...] = Field(min_length=1)
    opens: ClockTime
    closes: ClockTime

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _require_order(self.opens, self.closes)
        return self


class Window(RuleBase):
    """Local hours in which a contact is allowed, and days on which it never is.

    A weekday that `hours` does not name and `closed` does not close is a day of which this rule says nothing:
    another rule of the pack must close it (the pack's validation sees to it).
    """

    kind: Literal["window"]
    hours: tuple[Hours, ...] = Field(min_length=1)
    closed: tuple[ClosedDay, ...] = ()

    @model_validator(mode="after")
    def _each_day_once(self) -> Self:
        days = [day for hours in self.hours for day in hours.days] + list(self.closed)
        if len(days) != len(set(days)):
            raise ValueError("a weekday has hours once or is closed, not both")
        return self


class ClosedDays(RuleBase):
    """Weekdays, or the pack's holidays, on which a contact is never allowed."""

    kind: Literal["closed_days"]
    closed: tuple[ClosedDay, ...] = Field(min_length=1)


class Cap(RuleBase):
    """At most `limit` triggering contacts in a period of local dates; with `next_from_day` also a pause.

    A rolling week: a contact on date D counts until the start of D+7. A calendar week ends on Sunday.
    `channels` are the channels that the rule limits and counts (none given: all). `counted`: all of them
    `together`, or each channel on its own (`per_channel`).
    `next_from_day: 3`: after a counted contact on D the next is allowed from D+3.
    """

    kind: Literal["cap"]
    limit: int = Field(ge=1)
    period: Literal["day"] | Week
    channels: tuple[Channel, ...] | None = Field(default=None, min_length=1)
    counted: Literal["together", "per_channel"] = "together"
    next_from_day: int | None = Field(default=None, ge=2, le=LONGEST_WAIT)


class ChannelLock(RuleBase):
    """After a triggering contact by one channel, no other channel until the period ends."""

    kind: Literal["channel_lock"]
    period: Week = "rolling_week"


class ConversationLock(RuleBase):
    """After a two-way contact by one of `channels` on date D, none by them until the start of D+`days`.

    `started_by: collector` looks only at conversations that the collector began, `anyone` also at those that
    the person began.
    """

    kind: Literal["conversation_lock"]
    channels: tuple[Channel, ...] = Field(min_length=1)
    days: int = Field(ge=1, le=LONGEST_WAIT)
    started_by: Literal["collector", "anyone"] = "collector"


class AuthorisedChannels(RuleBase):
    """Only the channels that the person authorised."""

    kind: Literal["authorised_channels"]


class Roles(RuleBase):
    """Only addressees with one of these roles."""

    kind: Literal["roles"]
    roles: tuple[Role, ...] = Field(min_length=1)


class ForbiddenChannels(RuleBase):
    """Channels that are never allowed."""

    kind: Literal["forbidden_channels"]
    channels: tuple[Channel, ...] = Field(min_length=1)


class Trigger(RuleBase):
    """Which outbound collection contacts the pack's caps and locks count. Blocks nothing itself."""

    kind: Literal["trigger"]
    contacts: Literal["all", "two_way"]


class ExemptPurposes(RuleBase):
    """Purposes that are free of the rules that it names. Blocks nothing itself."""

    kind: Literal["exempt_purposes"]
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    free_of: tuple[RuleId, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _collection_is_never_exempt(self) -> Self:
        if "collection" in self.purposes:
            raise ValueError("purpose collection cannot be exempt")
        return self


class OwnRequestRule(RuleBase):
    """A person's own request for other hours widens the window and closed-days rules that it names.

    Which requests do is in `policy/person.py`. Blocks nothing itself.
    """

    kind: Literal["own_request"]
    widens: tuple[RuleId, ...] = Field(min_length=1)


class Duty(RuleBase):
    """An obligation that decides no contact. Its parameters are text: "20", "262635.75", "COP"."""

    kind: Literal["duty"]
    about: Literal["message_content", "bureau_report", "data_request", "fee", "interest", "retention", "opt_out"]
    parameters: dict[str, str] = Field(default_factory=dict)


Rule = Annotated[
    Window
    | ClosedDays
    | Cap
    | ChannelLock
    | ConversationLock
    | AuthorisedChannels
    | Roles
    | ForbiddenChannels
    | Trigger
    | ExemptPurposes
    | OwnRequestRule
    | Duty,
    Field(discriminator="kind"),
]
