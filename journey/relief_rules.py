"""A creditor's reliefs as data: what it forgives or puts off, for which accounts, and who may grant how much."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from journey.limits import Share
from journey.playbook import Stage, Values

ReliefKind = Literal["new_due_date", "punctual_discount", "interest_waived", "refinancing"]
GrantingRole = Literal["agent", "supervisor"]
GRANTING_ROLES: tuple[GrantingRole, ...] = ("agent", "supervisor")

Whole = Annotated[Decimal, Field(ge=0, max_digits=20, decimal_places=4)]
Money = Annotated[Decimal, Field(gt=0, max_digits=20, decimal_places=4)]
Span = Annotated[int, Field(ge=1, le=366)]


class Eligibility(Values):
    """Which accounts may have a relief; what is null is not looked at."""

    stages: tuple[Stage, ...] | None = None
    balance_at_least: Whole | None = None
    balance_at_most: Whole | None = None
    days_past_due_from: int | None = Field(default=None, ge=0, le=36500)
    days_past_due_to: int | None = Field(default=None, ge=0, le=36500)
    risk: tuple[str, ...] | None = Field(default=None, description="allowed values of the account's fact `risk`")
    earlier_at_most: int | None = Field(default=None, ge=0, le=100, description="reliefs that the account had before")
    within_days: int = Field(default=365, ge=1, le=36500, description="how far back earlier reliefs count")


class Level(Values):
    """How much a role may grant; what is null has no bound of its own."""

    amount: Whole | None = Field(default=None, description="of money forgiven, in the creditor's currency")
    share: Share | None = Field(default=None, description="of money forgiven, of what is past due")
    days: Span | None = Field(default=None, description="by which a due date moves")


class Authority(Values):
    """Who may grant a relief, up to how much; null: not at all. Admins and operators may do what supervisors may."""

    agent: Level | None = None
    supervisor: Level | None = Level()

    def level(self, role: GrantingRole) -> Level | None:
        """A role's own."""
        return self.agent if role == "agent" else self.supervisor


class _Rule(Values):
    key: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$", description="names the relief at its creditor")
    eligibility: Eligibility = Eligibility()
    authority: Authority = Authority()


class NewDueDate(_Rule):
    """What is past due falls due on a later day; the late interest until now falls away with the old date."""

    kind: Literal["new_due_date"]
    up_to_days: Span


class PunctualDiscount(_Rule):
    """Part of what is past due is forgiven if the rest is paid in time."""

    kind: Literal["punctual_discount"]
    share: Annotated[Decimal, Field(gt=0, lt=1, max_digits=9, decimal_places=4)] | None = None
    amount: Money | None = None
    within_days: Span

    @model_validator(mode="after")
    def _one_of_two(self) -> "PunctualDiscount":
        if (self.share is None) == (self.amount is None):
            raise ValueError("give a share or an amount, not both")
        return self


class InterestWaived(_Rule):
    """Interest of what is past due is forgiven: at once, or if the rest is paid in time."""

    kind: Literal["interest_waived"]
    share: Annotated[Decimal, Field(gt=0, le=1, max_digits=9, decimal_places=4)] = Decimal(1)
    fees: bool = Field(default=False, description="fees, too")
    within_days: Span | None = Field(default=None, description="in which the rest must be paid; null: no condition")


class Refinancing(_Rule):
    """All that is owed is replaced by equal instalments with interest."""

    kind: Literal["refinancing"]
    instalments: tuple[Annotated[int, Field(ge=2, le=120)], ...] = Field(
        min_length=1, max_length=24, description="numbers that may be chosen"
    )
    every_days: Span = 30
    first_within_days: Span = Field(default=31, description="days from today to the first instalment, at most")
    rate: Annotated[Decimal, Field(ge=0, lt=1, max_digits=12, decimal_places=8)] = Field(
        default=Decimal(0), description="of interest for one period of `every_days`: 0.02 is two per cent"
    )


ReliefRule = Annotated[NewDueDate | PunctualDiscount | InterestWaived | Refinancing, Field(discriminator="kind")]


class ReliefRules(Values):
    """A creditor's reliefs."""

    kinds: tuple[ReliefRule, ...] = Field(default=(), max_length=50)

    @model_validator(mode="after")
    def _each_once(self) -> "ReliefRules":
        if len({rule.key for rule in self.kinds}) < len(self.kinds):
            raise ValueError("each relief has a key of its own")
        return self
