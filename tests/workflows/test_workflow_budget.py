"""What a typical journey costs the engine: at most 190 events kept and 37 actions billed, over all its runs."""

from collections.abc import Callable
from typing import get_args

import pytest

from journey.playbook import Channel
from tests.workflows.billing import count_actions, count_events
from tests.workflows.flows import course, referred, typical_course
from tests.workflows.world import PLAYBOOK

EVENTS, ACTIONS = 190, 37
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints past pytest's capture: the figures belong into the test's log."""

    def line(text: str) -> None:
        with capsys.disabled():
            print(text)  # noqa: T201

    return line


@pytest.mark.parametrize("channels", [(), CHANNELS], ids=["on the common queue", "on a queue for each channel"])
async def test_a_typical_journey_stays_within_its_budget(
    say: Callable[[str], None], channels: tuple[Channel, ...]
) -> None:
    here, histories = await typical_course(*channels)
    events, actions = count_events(histories), count_actions(histories)
    say(f"\na typical journey: {events} events of {EVENTS}, {actions.total()} actions of {ACTIONS}: {dict(actions)}")

    assert len(here.record.sent) == 12
    assert here.record.state.outcome == "paid"
    assert (actions["signals"], actions["updates"], actions["runs"]) == (3, 2, 3)
    assert events <= EVENTS
    assert actions.total() <= ACTIONS


async def test_a_contact_costs_a_timer_and_an_activity_and_no_other_action() -> None:
    actions = count_actions(await course(referred))

    contacts = sum(len(stage.steps) for stage in PLAYBOOK.stages)
    assert actions["activities"] == contacts + 1  # and one report of the end
    assert actions["timers"] == contacts + 1 + 2  # and the end, and a waking every thirty days
    assert actions["runs"] == len(PLAYBOOK.stages)
    assert set(actions) == {"activities", "timers", "runs"}
