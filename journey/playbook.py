"""A playbook: the stages and steps of a timeline, as data named by the hash of its content."""

import hashlib
import json
from collections.abc import Mapping
from datetime import time
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from policy.errors import SendaError

Stage = Literal["preventive", "administrative", "prejuridical"]
Channel = Literal["sms", "whatsapp", "email", "call", "visit", "letter", "push"]
Tone = Literal["friendly", "firm", "formal"]
Outcome = Literal["cured", "paid", "referred", "restructured", "written_off", "withdrawn"]

STAGES: tuple[Stage, ...] = ("preventive", "administrative", "prejuridical")

Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


def _clock_time(value: object) -> object:
    if isinstance(value, int):  # YAML 1.1 reads an unquoted 10:30 as 630
        raise PydanticCustomError("time_unquoted", 'write the time in quotes, as in "09:00"')
    return value


ClockTime = Annotated[
    time, BeforeValidator(_clock_time), PlainSerializer(lambda at: at.strftime("%H:%M"), return_type=str)
]


class Values(BaseModel):
    """A frozen value that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class When(Values):
    """A condition on a step, judged at the moment the step falls due."""

    balance_at_least: Decimal = Field(ge=0, description="the account's balance, in its currency")


class Step(Values):
    """One contact of the timeline. `day` counts from the oldest unpaid due date, whose next day is day 1."""

    key: Key
    day: int = Field(ge=-365, le=3650)
    channels: tuple[Channel, ...] = Field(min_length=1, description="in order of preference")
    template: Key
    tone: Tone = "friendly"
    at: ClockTime | None = Field(default=None, description="debtor's local time; none: inside the contact hours")
    when: When | None = None


class StagePlan(Values):
    """A stage holds from its first day past due to the next stage's."""

    stage: Stage
    from_day: int = Field(ge=-365, le=3650)
    steps: tuple[Step, ...] = ()


class Ends(Values):
    """Where the timeline ends: at the start of this day the journey closes with this outcome."""

    day: int = Field(ge=1, le=3650)
    outcome: Outcome = "referred"


class PromiseTerms(Values):
    """When a promise to pay counts as kept."""

    grace_days: int = Field(default=1, ge=0, le=30)
    threshold: Decimal = Field(default=Decimal("1.00"), gt=0, le=1, description="share of the promised amount")


class Playbook(Values):
    """Stages, steps and ends of a timeline. Build one with `parse_playbook`, which names every fault's place."""

    key: Key
    stages: tuple[StagePlan, ...] = Field(min_length=1, max_length=3)
    ends: Ends
    promise: PromiseTerms = PromiseTerms()
    minimum_balance: Decimal = Field(default=Decimal(0), ge=0, description="below it nobody is contacted")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        faults = list(_faults(self))
        if faults:
            raise PydanticCustomError("playbook", "{faults}", {"faults": faults})
        return self

    @property
    def hash(self) -> str:
        """sha256 of the canonical JSON, hexadecimal: a playbook's version."""
        content = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def first_day(self) -> int:
        """The day past due on which an account enters this timeline."""
        return self.stages[0].from_day

    def stage_on(self, day: int) -> Stage | None:
        """The stage that holds on a day past due, or none before the first."""
        held: list[Stage] = [plan.stage for plan in self.stages if plan.from_day <= day]
        return held[-1] if held else None

    def from_day(self, stage: Stage) -> int:
        """The first day past due of a stage that this playbook has."""
        return next(plan.from_day for plan in self.stages if plan.stage == stage)

    def step(self, key: str) -> Step:
        """The step of that key, which this playbook has."""
        return next(step for plan in self.stages for step in plan.steps if step.key == key)

    def stage_after(self, stage: Stage | None) -> Stage | None:
        """The stage that follows; the first one after none; none after the last."""
        names: list[Stage] = [plan.stage for plan in self.stages]
        following = names[names.index(stage) + 1 :] if stage in names else names
        return following[0] if following else None


def _faults(book: Playbook) -> list[tuple[str, str]]:
    """What the fields' own types cannot say, as (place, message)."""
    found: list[tuple[str, str]] = []
    seen: set[str] = set()
    for number, plan in enumerate(book.stages):
        place = f"stages.{number}"
        if number:
            before = book.stages[number - 1]
            if STAGES.index(plan.stage) <= STAGES.index(before.stage):
                found.append((f"{place}.stage", f"{plan.stage} cannot come after {before.stage}"))
            if plan.from_day <= before.from_day:
                found.append(
                    (
                        f"{place}.from_day",
                        f"overlaps the stage before: it must start after day {before.from_day}",
                    )
                )
        if (plan.stage == "preventive") != (plan.from_day <= 0):
            found.append(
                (
                    f"{place}.from_day",
                    "preventive starts on day 0 or before, the other stages on day 1 or after",
                )
            )
        last = number == len(book.stages) - 1
        until = book.ends.day if last else book.stages[number + 1].from_day
        if last and book.ends.day <= plan.from_day:
            found.append(("ends.day", f"must come after the first day of {plan.stage} ({plan.from_day})"))
        for position, step in enumerate(plan.steps):
            at = f"{place}.steps.{position}"
            if not plan.from_day <= step.day < until:
                found.append((f"{at}.day", f"day {step.day} is outside its stage ({plan.from_day} to {until - 1})"))
            if step.key in seen:
                found.append((f"{at}.key", f"the key {step.key!r} is used twice"))
            if len(set(step.channels)) != len(step.channels):
                found.append((f"{at}.channels", "a channel is named twice"))
            seen.add(step.key)
    return found


class PlaybookError(SendaError):
    """A playbook that cannot be used; `problems` lists (place, message), all of them."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        place, message = problems[0]
        more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__("playbook.invalid", f"{place}: {message}{more}", field=place)
        self.problems = problems


def parse_playbook(data: object) -> Playbook:
    """A playbook from decoded YAML or JSON; raises `PlaybookError` with the place of every fault."""
    if not isinstance(data, Mapping):
        raise PlaybookError([("playbook", "must be a mapping with key, stages and ends")])
    try:
        return Playbook.model_validate(data)
    except ValidationError as error:
        problems: list[tuple[str, str]] = []
        for fault in error.errors():
            if fault["type"] == "playbook":
                problems += fault.get("ctx", {})["faults"]
                continue
            place = ".".join(str(part) for part in fault["loc"])
            unknown = fault["type"] == "extra_forbidden"
            problems.append((place, "unknown key" if unknown else fault["msg"]))
        raise PlaybookError(problems) from None


class _Reader(yaml.SafeLoader):
    """Refuses a key written twice in one mapping, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"the key {key.value!r} is written twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_playbook(text: str | bytes) -> Playbook:
    """A playbook from YAML text (JSON is YAML too); raises `PlaybookError`."""
    try:
        data = yaml.load(text, _Reader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark is not None else "playbook"
        problem = getattr(error, "problem", None) or "it holds bytes that are no text"
        raise PlaybookError([(place, f"is not readable as YAML or JSON: {problem}")]) from None
    except RecursionError:
        raise PlaybookError([("playbook", "is nested too deeply")]) from None
    return parse_playbook(data)
