"""A breaker for each provider: one that keeps failing is left in peace for a while, and steps go elsewhere at once."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

from channels.callbacks import Callback, Heard, Provider
from channels.message import Line, Message, NotNow, Rejected, Uncertain, Unreachable

FAILURES = 5
"""So many failures in a row open the breaker."""

SHORTEST, LONGEST = 15.0, 300.0
"""Seconds for which it stays open: at first, then twice as long each time that the probe fails."""


class Breaker:
    """Counts failures in a row. Once open, it lets one probe pass after its pause; the probe closes it or not."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = SHORTEST
        self._open_until: float | None = None
        self._is_probed = False

    @property
    def is_open(self) -> bool:
        """Whether nothing may pass at this moment."""
        return self._open_until is not None and self._clock() < self._open_until

    def pass_(self) -> bool:
        """Whether a message may pass now; where it is the probe, the others wait for what becomes of it."""
        if self.is_open:
            return False
        if self._open_until is not None:
            self._open_until = self._clock() + self._pause
            self._is_probed = True
        return True

    def succeeded(self) -> None:
        """The provider answered."""
        self._failures, self._pause, self._open_until, self._is_probed = 0, SHORTEST, None, False

    @property
    def is_probed(self) -> bool:
        """Whether a probe is under way."""
        return self._is_probed

    def unproven(self) -> None:
        """The probe sent nothing: the next message may be it."""
        if self._is_probed:
            self._open_until, self._is_probed = self._clock(), False

    def failed(self) -> None:
        """The provider did not answer, or takes nothing."""
        self._failures += 1
        if self._is_probed:
            self._pause, self._is_probed = min(2 * self._pause, LONGEST), False
            self._open_until = self._clock() + self._pause
        elif self._failures >= FAILURES and self._open_until is None:
            self._open_until = self._clock() + self._pause


class Guarded:
    """A provider behind a breaker."""

    def __init__(self, provider: Provider, breaker: Breaker | None = None) -> None:
        self._provider = provider
        self._breaker = breaker or Breaker()
        self.key = provider.key
        self.channel = provider.channel

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line]:
        """A line of the provider; `Unreachable` at once while the breaker is open."""
        if not self._breaker.pass_():
            raise Unreachable(f"the provider {self.key} failed again and again: it is left in peace for a while")
        is_probe = self._breaker.is_probed
        async with AsyncExitStack() as opened:
            try:
                line = await opened.enter_async_context(self._provider.line())
            except Unreachable:
                self._breaker.failed()
                raise
            guarded = _GuardedLine(line, self._breaker)
            try:
                yield guarded
            finally:
                if is_probe and not guarded.is_told:
                    self._breaker.unproven()

    def read(self, callback: Callback) -> Heard:
        """As the provider."""
        return self._provider.read(callback)

    async def close(self) -> None:
        """As the provider."""
        await self._provider.close()


class _GuardedLine:
    def __init__(self, line: Line, breaker: Breaker) -> None:
        self._line = line
        self._breaker = breaker
        self.is_told = False
        """Whether the breaker heard what came of a message."""

    async def send(self, message: Message) -> str:
        """As the line; what it answers is counted."""
        try:
            reference = await self._line.send(message)
        except (NotNow, Uncertain):
            self._tell(self._breaker.failed)
            raise
        except Rejected:
            self._tell(self._breaker.succeeded)
            raise
        self._tell(self._breaker.succeeded)
        return reference

    def _tell(self, came: Callable[[], None]) -> None:
        self.is_told = True
        came()
