"""Starting in order, starting again after a death, giving up, and ending: with toy components."""

import asyncio
import os
import signal
from dataclasses import replace

import pytest

from senda.stack import StackError
from senda.stack.supervisor import Supervisor
from tests.stack.toys import FOREVER, Toys
from tests.stack.waiting import eventually, eventually_async, lives


async def test_a_component_starts_once_what_it_needs_is_ready(toys: Toys) -> None:
    base = toys.component(
        "base", f"echo base >> $HERE/order; touch $HERE/base.ready; {FOREVER}", ready=toys.waits_for("base.ready")
    )
    job = toys.component("job", "echo job >> $HERE/order", lifetime="job", needs=frozenset({"base"}))
    top = toys.component("top", f"echo top >> $HERE/order; {FOREVER}", needs=frozenset({"base", "job"}))
    async with toys.running(top, job, base):
        await eventually_async(lambda: "top" in toys.lines("order"))
    assert toys.lines("order") == ["base", "job", "top"]


async def test_a_component_ends_after_those_that_need_it(toys: Toys) -> None:
    def speaks(name: str) -> str:
        return f"trap 'echo {name} >> $HERE/order; exit' TERM; touch $HERE/{name}; while :; do sleep 0.01; done"

    base = toys.component("base", speaks("base"), ready=toys.waits_for("base"))
    top = toys.component("top", speaks("top"), ready=toys.waits_for("top"), needs=frozenset({"base"}))
    async with toys.running(base, top):
        pass
    assert toys.lines("order") == ["top", "base"]


async def test_a_component_that_dies_is_reported_and_started_again(toys: Toys) -> None:
    async with toys.running(toys.component("thing")) as supervisor:
        first = supervisor.pids["thing"]
        os.kill(first, signal.SIGKILL)
        await eventually_async(lambda: bool(toys.sentences("restarted")))
        assert lives(supervisor.pids["thing"])
    assert toys.sentences("died") == [
        f"thing was ended by SIGKILL and is being started again; its log: {toys.folder / 'thing.log'}"
    ]
    assert toys.sentences("restarted") == ["thing is running again."]


async def test_a_component_waits_for_what_it_needs_when_it_is_started_again(toys: Toys) -> None:
    gate = toys.folder / "gate"
    gate.touch()
    base = toys.component("base", ready=toys.waits_for("gate"))
    top = toys.component("top", f"echo top >> $HERE/starts; {FOREVER}", needs=frozenset({"base"}))
    async with toys.running(base, top) as supervisor:
        await eventually_async(lambda: len(toys.lines("starts")) == 1)
        gate.unlink()
        await supervisor.kill("base")
        await supervisor.kill("top")
        await eventually_async(lambda: len(toys.sentences("died")) == 2)
        assert len(toys.lines("starts")) == 1
        gate.touch()
        await eventually_async(lambda: len(toys.lines("starts")) == 2)


async def test_a_component_that_keeps_dying_stops_everything(toys: Toys) -> None:
    # Ready at once, and dead soon after: each start succeeds.
    steady, frail = toys.component("steady"), toys.component("frail", "sleep 0.05; exit 7", ready=_soon)
    supervisor = toys.supervisor([steady, frail])
    await supervisor.start()
    pid = supervisor.pids["steady"]
    with pytest.raises(StackError) as caught:
        await asyncio.wait_for(supervisor.wait(), 30)
    assert caught.value.message == (
        "frail exited with code 7, for the 6th time within 60 s, so that everything was stopped; "
        f"its log: {toys.folder / 'frail.log'}"
    )
    assert not lives(pid)


async def _soon(_pid: int) -> None:
    await asyncio.sleep(0)


async def test_killing_on_purpose_does_not_count_as_dying(toys: Toys) -> None:
    async with toys.running(toys.component("thing")) as supervisor:
        for _ in range(7):
            await supervisor.kill("thing")
            await supervisor.until_ready("thing")
        assert lives(supervisor.pids["thing"])


async def test_restart_is_gentle_and_returns_when_it_serves_again(toys: Toys) -> None:
    script = "trap 'echo bye >> $HERE/said; exit' TERM; echo hello >> $HERE/said; while :; do sleep 0.01; done"
    async with toys.running(toys.component("thing", script, ready=toys.waits_for("said"))) as supervisor:
        first = supervisor.pids["thing"]
        await supervisor.restart("thing")
        assert supervisor.pids["thing"] != first
        await eventually_async(lambda: toys.lines("said") == ["hello", "bye", "hello"])


@pytest.mark.parametrize(
    ("script", "reason"),
    [("exit 3", "it exited with code 3"), (FOREVER, "it was not ready within 0 s")],
)
async def test_a_component_that_cannot_start_ends_the_others(toys: Toys, script: str, reason: str) -> None:
    noted = toys.folder / "pid"
    other = toys.component("other", f"echo $$ > {noted}; {FOREVER}")
    broken = toys.component(
        "broken", script, ready=toys.waits_for("never"), start_seconds=0.3, needs=frozenset({"other"})
    )
    with pytest.raises(StackError) as caught:
        await toys.supervisor([other, broken]).start()
    assert caught.value.message == f"broken could not start: {reason}; its log: {toys.folder / 'broken.log'}"
    assert not noted.exists() or not lives(int(noted.read_text()))


async def test_a_missing_program_is_told_in_one_sentence(toys: Toys) -> None:
    missing = toys.folder / "no-such-program"
    broken = toys.component("broken")
    broken = replace(broken, launch=replace(broken.launch, command=(str(missing),)))
    with pytest.raises(StackError, match=r"^broken could not start: .*No such file.*; its log: .*broken.log$"):
        await toys.supervisor([broken]).start()


async def test_a_job_that_fails_is_told_and_nothing_stays(toys: Toys) -> None:
    broken = toys.component("job", "exit 1", lifetime="job")
    with pytest.raises(StackError, match=r"^job could not start: it exited with code 1; its log: "):
        await toys.supervisor([broken, toys.component("other")]).start()


async def test_a_cancelled_start_leaves_nothing_running(toys: Toys) -> None:
    slow = toys.component("slow", f"echo $$ > $HERE/pid; {FOREVER}", ready=toys.waits_for("never"))
    start = asyncio.create_task(toys.supervisor([slow]).start())
    await eventually_async(lambda: bool(toys.lines("pid")))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not lives(int(toys.lines("pid")[0]))


async def test_what_ignores_the_request_to_end_is_ended_with_its_children(toys: Toys) -> None:
    script = "trap '' TERM; sleep 600 & echo $! > $HERE/grandchild; touch $HERE/up; wait; wait"
    deaf = toys.component("deaf", script, ready=toys.waits_for("up"), stop_seconds=0.2)
    async with toys.running(deaf) as supervisor:
        pid = supervisor.pids["deaf"]
    assert not lives(pid)
    eventually(lambda: not lives(int(toys.lines("grandchild")[0])))


async def test_stopping_twice_is_the_same_as_once(toys: Toys) -> None:
    supervisor: Supervisor = toys.supervisor([toys.component("thing")])
    await supervisor.start()
    await asyncio.gather(supervisor.stop(), supervisor.stop())
    await supervisor.stop()
    assert not any(map(lives, supervisor.pids.values()))
