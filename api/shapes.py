"""What requests and answers look like, with examples for the API's own description."""

from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from journey.limits import AgreementRules
from journey.money import MoneyRules
from journey.playbook import Outcome, Stage
from journey.relief_rules import ReliefRules
from journey.state import Status
from ledger.access import Role
from ledger.holds import HoldKind

Item = TypeVar("Item")

Instant = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
"""RFC 3339 with offset; calendars know nothing of the years before and after."""

Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
"""Text of one line."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


PayUrl = Annotated[
    str, StringConstraints(max_length=300, pattern=r"^https?://[^\s{}\"<>]+(\{reference\}[^\s{}\"<>]*)?$")
]
"""An address with at most one {reference}."""


class Shape(BaseModel):
    """A body that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid")


class Money(BaseModel):
    """An exact amount: a decimal string and an ISO 4217 code."""

    amount: str = Field(examples=["185000.00"])
    currency: str = Field(examples=["COP"])


class CreditorIn(Shape):
    """A creditor's settings."""

    name: Words = Field(examples=["Crédito Amable S.A.S."])
    pack: str = Field(examples=["CO"], description="the law that its contacts follow")
    extra_packs: list[str] = Field(
        default=[],
        max_length=8,
        examples=[["amable-estricto"]],
        description="packs that apply beside it: a subdivision's, a stricter one of its own that was PUT",
    )
    currency: str = Field(examples=["COP"])
    playbook: str = Field(examples=["consumo-co"], description="the key of a playbook that was PUT")
    test_clock: Instant | None = Field(
        default=None, examples=[None], description="an instant binds its journeys to a test clock"
    )
    time_zone: str | None = Field(default=None, examples=["America/Bogota"])
    agreements: AgreementRules | None = Field(
        default=None,
        examples=[{"promise": {"max_days": 31, "min_share": "0.30"}, "plan": None}],
        description="what it lets people agree on: limits of promises and plans; null: the defaults",
    )
    money: MoneyRules | None = Field(
        default=None,
        examples=[{"order": ["fees", "interest", "principal"], "overpayment": "next_due", "interest": None}],
        description="how it reckons: what is paid first, overpayments, late interest; null: the defaults",
    )
    reliefs: ReliefRules | None = Field(
        default=None,
        examples=[
            {
                "kinds": [
                    {
                        "key": "descuento-10",
                        "kind": "punctual_discount",
                        "share": "0.10",
                        "within_days": 10,
                        "eligibility": {"days_past_due_from": 31},
                        "authority": {"agent": {"share": "0.05"}, "supervisor": {}},
                    }
                ]
            }
        ],
        description="what it forgives or puts off, for which accounts, and who may grant how much; null: nothing",
    )
    pay_url: PayUrl | None = Field(
        default=None,
        examples=["https://pagos.example/{reference}"],
        description="where its debtors pay: messages link there; {reference} stands for the account and says nothing",
    )


class CreditorOut(BaseModel):
    """A creditor."""

    creditor: str = Field(examples=["amable"])
    name: str
    pack: str
    extra_packs: list[str]
    currency: str
    playbook: str
    test_clock: datetime | None
    time_zone: str
    agreements: AgreementRules
    money: MoneyRules
    reliefs: ReliefRules
    pay_url: str | None


class PlaybookOut(BaseModel):
    """A playbook's version."""

    key: str = Field(examples=["consumo-co"])
    hash: str = Field(examples=["9f2c…"])
    warnings: list[str] = []


class ImportStarted(BaseModel):
    """An import that arrived whole."""

    import_id: str


class ImportOut(BaseModel):
    """An import's progress: `rows` read, `accepted` into the ledger so far, `rejected`, journeys `started` so far."""

    import_id: str
    status: Literal["receiving", "applying", "starting", "done", "failed"]
    rows: int
    accepted: int
    rejected: int
    started: int


class JourneyIn(Shape):
    """The account whose journey shall start."""

    creditor: Slug = Field(examples=["amable"])
    account: Words = Field(max_length=128, examples=["CR-10024"])


class NextStep(BaseModel):
    """The step that comes next, as far as known now."""

    key: str = Field(examples=["aviso-1"])
    due_at: datetime | None


class Strategy(BaseModel):
    """The playbook's version that the journey follows."""

    playbook: str
    hash: str


class JourneyOut(BaseModel):
    """An account's journey."""

    journey_id: str = Field(examples=["journey:amable:CR-10024:1"])
    creditor: str
    account: str
    episode: int
    status: Status
    stage: Stage | None
    outcome: Outcome | None
    days_past_due: int
    balance: Money
    next_step: NextStep | None
    strategy: Strategy
    due_date: Any = Field(examples=["2026-03-31"], description="the oldest unpaid due date when it opened")
    opening_balance: Money
    opened_at: datetime
    closed_at: datetime | None
    closed_days_past_due: int | None


class PageOf(BaseModel, Generic[Item]):
    """A page; `next_cursor` leads to the next one."""

    items: list[Item]
    next_cursor: str | None


class ContactOut(BaseModel):
    """A decision on a contact, and what came of it. `step` and `stage`: none where people asked for it (`actor`)."""

    id: int
    step: str | None
    stage: Stage | None
    actor: str
    channel: str | None
    direction: Literal["outbound", "inbound"]
    purpose: str
    status: Literal["refused", "permitted", "sent", "delivered", "read", "answered", "failed", "unknown", "skipped"]
    reason: str | None
    decided_at: datetime
    sent_at: datetime | None
    rules: list[str] = Field(examples=[["CO-03"]])
    next_allowed_at: datetime | None
    content_sha256: str | None
    template: str | None = Field(
        description="whose words these were: name, language and the sha256 of the template",
        examples=["overdue.es@3f2a…"],
    )
    disposition: str | None = Field(description="what came of it, by a code")
    covered_by: int | None = Field(description="the contact whose message spoke of this account, too")
    why: str = Field(
        description="the decision in words, by the packs that made it",
        examples=["No se contactó: la persona ya fue contactada hoy a las 09:00 por SMS (CO-03, …)."],
    )


class EventOut(BaseModel):
    """Something that happened to a journey: `at` by the business clock, `recorded_at` by the real one."""

    seq: int
    episode: int
    at: datetime
    recorded_at: datetime
    kind: str
    actor: str
    data: dict[str, Any]


class PauseIn(Shape):
    """A pause: no contacts from `from` (now where none is given) until `until`, or until resumed."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    starts: Instant | None = Field(default=None, alias="from", examples=["2026-03-02T00:00:00-05:00"])
    until: Instant | None = Field(default=None, examples=["2026-03-09T00:00:00-05:00"])
    reason: str = Field(
        min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+$", examples=["hardship"], description="a code, no prose"
    )
    kind: HoldKind = Field(
        default="requested",
        examples=["hardship"],
        description="deceased and fraud hold all accounts of the person at the creditor; these two and legal_hold "
        "outlive the journey, and only supervisors lift them",
    )


class ResumeIn(Shape):
    """Which pause to end, where several hold; none: the lightest of them."""

    kind: HoldKind | None = Field(default=None, examples=["legal_hold"])


class HoldOut(BaseModel):
    """A pause that concerns an account. `account`: the one that it was noted for; `until`: as it was planned."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    id: int
    kind: HoldKind
    account: str
    starts: datetime = Field(alias="from")
    until: datetime | None
    reason: str
    actor: str
    noted_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None


class CloseIn(Shape):
    """The outcome that people decide for a journey."""

    outcome: Outcome = Field(examples=["withdrawn"])


class PaymentTaken(BaseModel):
    """`applied` is true the first time; `unapplied` money is kept and shown until its account is known, `ignored` is
    what moves no money of ours."""

    applied: bool
    status: Literal["applied", "duplicate", "unapplied", "ignored"]
    code: str | None = Field(default=None, examples=[None])


class PaymentOut(BaseModel):
    """A payment or reversal as it was told."""

    seq: int
    processor: str
    id: str
    type: str
    creditor: str
    account: str
    amount: str
    currency: str
    paid_at: datetime
    reverses: str | None
    received_at: datetime
    status: Literal["applied", "unapplied"]


class ClockIn(Shape):
    """Where the test clock shall stand."""

    advance_to: Instant = Field(examples=["2026-03-09T12:00:00-05:00"])


class ClockOut(BaseModel):
    """Where it stands, and how many journeys had something to do on the way."""

    now: datetime
    woken: int


class KeyIn(Shape):
    """An API key to make."""

    name: Words = Field(max_length=100, examples=["core banking"])
    role: Role


class KeyOut(BaseModel):
    """A new API key. The token is shown this once."""

    key: str
    token: str
    role: Role
