"""A provider that keeps failing is left in peace for a while; then one message probes whether it works again."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.breaker import FAILURES, LONGEST, SHORTEST, Breaker, Guarded
from channels.callbacks import Callback, Heard
from channels.message import BadAddress, Message, NotNow, Rejected, Uncertain, Unreachable

MESSAGE = Message(key="k", to="+573000000001", subject="", text="Hola")


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Double:
    """A provider of which a test says how it fares; `sent` counts what it was given."""

    error: Exception | None = None
    down: bool = False
    sent: int = 0
    opened: int = 0
    closed: bool = False
    key: str = "double"
    channel: str = "sms"
    answer: Heard = field(default_factory=Heard)

    @asynccontextmanager
    async def line(self) -> AsyncGenerator["Double"]:
        """An open line."""
        self.opened += 1
        if self.down:
            raise Unreachable("nobody there")
        yield self

    async def send(self, message: Message) -> str:
        """Count it, then fare as told."""
        self.sent += 1
        if self.error is not None:
            raise self.error
        return message.key

    def read(self, callback: Callback) -> Heard:
        """The same for all."""
        return self.answer

    async def close(self) -> None:
        """Note it."""
        self.closed = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def guarded(double: Double, clock: Clock) -> Guarded:
    return Guarded(double, Breaker(clock))


async def send(guarded: Guarded) -> str:
    """What came of a message: "sent", or the error's name."""
    try:
        async with guarded.line() as line:
            await line.send(MESSAGE)
    except Exception as error:
        return type(error).__name__
    return "sent"


async def broken(guarded: Guarded, double: Double) -> None:
    """It failed so often that it is left in peace."""
    double.down = True
    for _ in range(FAILURES):
        await send(guarded)


@pytest.mark.parametrize("error", [NotNow("busy"), Uncertain("lost")], ids=["takes nothing", "loses answers"])
async def test_so_many_failures_in_a_row_open_it(guarded: Guarded, double: Double, error: Exception) -> None:
    double.error = error
    came = [await send(guarded) for _ in range(FAILURES + 3)]
    assert came == [type(error).__name__] * FAILURES + ["Unreachable"] * 3
    assert (double.sent, double.opened) == (FAILURES, FAILURES), "nobody waits for a provider that is left in peace"


async def test_one_that_cannot_be_reached_opens_it(guarded: Guarded, double: Double) -> None:
    await broken(guarded, double)
    await send(guarded)
    assert double.opened == FAILURES


async def test_a_success_between_begins_the_count_anew(guarded: Guarded, double: Double) -> None:
    for _ in range(3):
        double.error = NotNow("busy")
        for _ in range(FAILURES - 1):
            await send(guarded)
        double.error = None
        assert await send(guarded) == "sent"


@pytest.mark.parametrize("error", [Rejected("no"), BadAddress("nobody")])
async def test_a_message_that_is_refused_is_no_failure_of_the_provider(
    guarded: Guarded, double: Double, error: Exception
) -> None:
    double.error = error
    for _ in range(3 * FAILURES):
        await send(guarded)
    assert double.sent == 3 * FAILURES


async def test_after_its_pause_one_probe_passes_and_closes_it(guarded: Guarded, double: Double, clock: Clock) -> None:
    await broken(guarded, double)
    double.down = False
    clock.now += SHORTEST - 0.1
    assert await send(guarded) == "Unreachable"
    clock.now += 0.2
    assert [await send(guarded) for _ in range(3)] == ["sent"] * 3


async def test_while_the_probe_is_under_way_the_others_wait(guarded: Guarded, double: Double, clock: Clock) -> None:
    await broken(guarded, double)
    double.down = False
    clock.now += SHORTEST
    async with guarded.line() as probe:
        assert await send(guarded) == "Unreachable"
        await probe.send(MESSAGE)
    assert await send(guarded) == "sent"


async def test_each_probe_that_fails_doubles_the_pause_up_to_the_longest(
    guarded: Guarded, double: Double, clock: Clock
) -> None:
    await broken(guarded, double)
    pauses: list[float] = []
    for _ in range(7):
        before, opened = clock.now, double.opened
        while double.opened == opened:
            clock.now += 1
            await send(guarded)
        pauses.append(clock.now - before)
    assert pauses == [SHORTEST, 30, 60, 120, 240, LONGEST, LONGEST]


async def test_once_it_works_again_the_pauses_are_short_again(guarded: Guarded, double: Double, clock: Clock) -> None:
    await broken(guarded, double)
    clock.now += SHORTEST
    await send(guarded)
    clock.now += 2 * SHORTEST
    double.down = False
    assert await send(guarded) == "sent"
    await broken(guarded, double)
    double.down = False
    clock.now += SHORTEST
    assert await send(guarded) == "sent"


async def test_a_probe_that_sent_nothing_leaves_it_to_the_next(guarded: Guarded, double: Double, clock: Clock) -> None:
    """The policy refused the message: nothing is known of the provider."""
    await broken(guarded, double)
    double.down = False
    clock.now += SHORTEST
    async with guarded.line():
        pass
    assert await send(guarded) == "sent"


async def test_a_message_that_was_under_way_when_it_opened_closes_it_if_it_arrives(
    guarded: Guarded, double: Double
) -> None:
    async with guarded.line() as slow:
        await broken(guarded, double)
        await slow.send(MESSAGE)
    double.down = False
    assert await send(guarded) == "sent"


async def test_each_provider_has_its_own(double: Double, clock: Clock) -> None:
    other = Double()
    first, second = Guarded(double, Breaker(clock)), Guarded(other, Breaker(clock))
    await broken(first, double)
    assert (await send(first), await send(second)) == ("Unreachable", "sent")


async def test_callbacks_and_the_end_go_to_the_provider_itself(guarded: Guarded, double: Double) -> None:
    await broken(guarded, double)
    callback = Callback("POST", "https://senda.example/x", "x", {}, {}, b"")
    assert guarded.read(callback) is double.answer
    await guarded.close()
    assert double.closed
    assert (guarded.key, guarded.channel) == ("double", "sms")


@given(st.lists(st.tuples(st.sampled_from(["works", "fails", "nothing"]), st.floats(0, 400)), max_size=60))
def test_it_never_stays_open_for_longer_than_the_longest_pause(course: list[tuple[str, float]]) -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for came, pause in course:
        if breaker.pass_():
            match came:
                case "works":
                    breaker.succeeded()
                    assert breaker.pass_()
                case "fails":
                    breaker.failed()
                case _:
                    breaker.unproven()
        clock.now += pause
    clock.now += LONGEST
    assert breaker.pass_()
