"""What the journey's tests share: Colombian terms around one due date, local times, standings, random playbooks."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

import journey
from journey.playbook import Playbook, Stage, parse_playbook, read_playbook
from journey.state import Deferral, Hold, JourneyState, Standing, Terms, occurrence
from policy import ContactHours, contact_hours, load_pack

ZONE = "America/Bogota"
DUE = date(2026, 3, 2)
"""A Monday: day 1 is a Tuesday, day 5 a Saturday, day 27 a Sunday."""

STANDARD = read_playbook((Path(journey.__file__).parent / "playbooks" / "consumo-co.yaml").read_bytes())


@cache
def colombia() -> ContactHours:
    """Monday to Friday 7 to 19, Saturday 8 to 15, no Sunday and no holiday; holidays of 2026."""
    return contact_hours([load_pack("CO")], [ZONE], date(2026, 1, 1), date(2026, 12, 31))


ALWAYS = ContactHours.model_validate({"zone": ZONE, "weekly": [("00:00", "24:00")] * 7})
NEVER = ContactHours.model_validate({"zone": ZONE, "weekly": [None] * 7})


def local(text: str, zone: str = ZONE) -> datetime:
    """The UTC instant of a local "YYYY-MM-DD HH:MM"."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def terms(playbook: Playbook = STANDARD, hours: ContactHours | None = None) -> Terms:
    """The terms of one account."""
    return Terms(
        creditor="banco",
        account="A-1",
        episode=1,
        currency="COP",
        playbook=playbook,
        hours=hours or colombia(),
    )


def book(*steps: dict[str, Any], **changes: Any) -> Playbook:
    """A playbook of the three stages (from days -5, 1 and 61, ending on day 120) with these steps where they belong."""
    stages: list[dict[str, Any]] = [
        {"stage": "preventive", "from_day": -5, "steps": [s for s in steps if s["day"] <= 0]},
        {"stage": "administrative", "from_day": 1, "steps": [s for s in steps if 0 < s["day"] < 61]},
        {"stage": "prejuridical", "from_day": 61, "steps": [s for s in steps if s["day"] >= 61]},
    ]
    return parse_playbook({"key": "prueba", "stages": stages, "ends": {"day": 120}} | changes)


def step(key: str, day: int, at: str | None = None, **more: Any) -> dict[str, Any]:
    """A step by e-mail."""
    return {"key": key, "day": day, "channels": ["email"], "template": "overdue", "at": at} | more


def standing(
    at: datetime,
    *,
    seq: int = 0,
    balance: str = "200000",
    due: date | None = DUE,
    holds: tuple[Hold, ...] = (),
) -> Standing:
    """What the ledger says at an instant."""
    return Standing(seq=seq, at=at, balance=Decimal(balance), oldest_due=due, holds=holds)


def started(at: datetime, **facts: Any) -> JourneyState:
    """A journey that starts at an instant."""
    return JourneyState(standing=standing(at, **facts), since=at)


def within(stage: Stage, at: datetime, done: tuple[str, ...] = (), **facts: Any) -> JourneyState:
    """A journey that is in a stage since an instant."""
    return started(at, **facts).model_copy(update={"stage": stage, "done": done})


def all_steps(playbook: Playbook) -> list[str]:
    """The keys of all steps."""
    return [step.key for plan in playbook.stages for step in plan.steps]


QUARTER = timedelta(minutes=15)
days = st.integers(0, 30).map(lambda number: DUE + timedelta(days=number))
instants = st.integers(0, 50 * 96).map(lambda quarter: local("2026-02-24 00:00") + quarter * QUARTER)
"""Due dates and instants lie close together, so that most random cases are within a timeline."""

clock_times = st.sampled_from([None, None, "09:00", "09:05", "16:00", "23:30"])


@st.composite
def playbooks(draw: st.DrawFn) -> Playbook:
    """A valid playbook of one to three stages, with few steps, often on neighbouring days."""
    every: list[Stage] = ["preventive", "administrative", "prejuridical"]
    names = draw(st.sampled_from([every, every, every, every[1:], every[::2], every[1:2]]))
    first = draw(st.integers(-6, -1)) if names[0] == "preventive" else draw(st.integers(1, 3))
    starts = [first]
    for _ in names[1:]:
        starts.append(max(1, starts[-1] + draw(st.integers(1, 12))))
    end = max(1, starts[-1] + draw(st.integers(1, 12)))
    stages: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        until = starts[number + 1] if number + 1 < len(names) else end
        on_days = draw(st.lists(st.integers(starts[number], until - 1), min_size=1, max_size=4))
        steps = [
            step(f"{name}-{position}", day, draw(clock_times), when=draw(conditions))
            for position, day in enumerate(on_days)
        ]
        stages.append({"stage": name, "from_day": starts[number], "steps": steps})
    minimum = draw(st.sampled_from(["0", "1000"]))
    return parse_playbook({"key": "azar", "stages": stages, "ends": {"day": end}, "minimum_balance": minimum})


conditions = st.sampled_from([*[None] * 5, {"balance_at_least": "50000"}, {"balance_at_least": "300000"}])
balances = st.sampled_from(["-5", "0", "10", "999.99", "1000", "49999", *["50000", "200000"] * 8])


@st.composite
def holds(draw: st.DrawFn) -> Hold:
    """A hold of up to 20 days, or without an end."""
    starts = draw(instants)
    length = draw(st.one_of(st.none(), st.integers(1, 20 * 96), st.integers(1, 3 * 96)))
    return Hold(id="h", starts=starts, ends=None if length is None else starts + length * QUARTER)


@st.composite
def states(draw: st.DrawFn, playbook: Playbook, now: datetime) -> JourneyState:
    """Any state that a journey under this playbook may have at `now`, likely or not."""
    since = now - draw(st.integers(0, 96 * 40)) * QUARTER
    due = draw(st.one_of(*[days] * 9, st.none()))
    last = Standing(
        seq=draw(st.integers(0, 9)),
        at=since,
        balance=Decimal(draw(balances)),
        oldest_due=due,
        holds=tuple(draw(st.lists(holds(), max_size=2))),
    )
    names = [occurrence(key, due or DUE) for key in all_steps(playbook)]
    done = draw(st.lists(st.sampled_from(names), unique=True)) if names else []
    deferral = draw(st.one_of(st.none(), st.sampled_from(names))) if names else None
    return JourneyState(
        standing=last,
        since=since,
        stage=draw(st.sampled_from([None, *(plan.stage for plan in playbook.stages)])),
        done=tuple(done),
        deferral=Deferral(occurrence=deferral, until=draw(instants)) if deferral else None,
    )
