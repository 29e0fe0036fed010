"""Starts components in the order of their needs, starts them again when they die, and ends them all."""

import asyncio
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from senda.stack.child import Child, spawn
from senda.stack.component import Component
from senda.stack.errors import StackError, how_it_ended

_DEATHS = 5
_WITHIN_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Event:
    """Something that the person at the terminal should know, in one sentence."""

    kind: Literal["ready", "died", "restarted"]
    component: str
    sentence: str


class Supervisor:
    """The life of a set of components. A component that dies more than 5 times in 60 s ends them all."""

    def __init__(
        self,
        components: Iterable[Component],
        report: Callable[[Event], None],
        note_pid: Callable[[str, int], None],
    ) -> None:
        self._components = {component.name: component for component in components}
        self._report = report
        self._note_pid = note_pid
        self._children: dict[str, Child] = {}
        self._ready = {name: asyncio.Event() for name in self._components}
        self._ended = {name: asyncio.Event() for name in self._components}
        self._deaths: dict[str, deque[float]] = defaultdict(deque)
        self._asked_to_end: set[Child] = set()
        self._watchers: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[StackError] = asyncio.get_running_loop().create_future()
        self._stopping: asyncio.Task[None] | None = None

    @property
    def pids(self) -> Mapping[str, int]:
        """Of the services, as they are now."""
        return {
            name: child.pid for name, child in self._children.items() if self._components[name].lifetime == "service"
        }

    async def start(self) -> None:
        """Returns when all are ready. Raises StackError when one cannot start, and ends the others then."""
        starts = [asyncio.create_task(self._start_first(one)) for one in self._components.values()]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            await self.stop()
            raise
        if self._failure.done():
            await self.wait()

    async def wait(self) -> None:
        """Waits until a component keeps dying; then everything is ended, and StackError raised."""
        failure = await asyncio.shield(self._failure)
        await self.stop()
        raise failure

    async def stop(self) -> None:
        """End every component, those that are needed after those that need them."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop_all())
        await asyncio.shield(self._stopping)

    async def kill(self, name: str) -> None:
        """End a component as a crash would; it is started again. Such a death does not count."""
        await self._end_on_purpose(name, signal.SIGKILL)

    async def restart(self, name: str) -> None:
        """Stop a component as it likes best; returns when it is ready again."""
        await self._end_on_purpose(name, self._components[name].stop_signal)
        await self.until_ready(name)

    async def until_ready(self, name: str) -> None:
        """Returns when the component serves. Raises StackError when everything has been ended instead."""
        ready = asyncio.create_task(self._ready[name].wait())
        try:
            await asyncio.wait({ready, self._failure}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._failure.done():
            raise self._failure.result()

    async def _end_on_purpose(self, name: str, number: signal.Signals) -> None:
        child = self._children[name]
        self._asked_to_end.add(child)
        self._ready[name].clear()
        await child.end(number, self._components[name].stop_seconds)

    async def _start_first(self, component: Component) -> None:
        await self._wait_for_needs(component)
        await self._bring_up(component)
        state = "is ready" if component.lifetime == "service" else "is done"
        self._report(Event("ready", component.name, f"{component.name} {state}."))
        if component.lifetime == "service":
            watcher = asyncio.create_task(self._watch(component))
            self._watchers.add(watcher)
            watcher.add_done_callback(self._watch_ended)

    async def _wait_for_needs(self, component: Component) -> None:
        for need in component.needs & self._components.keys():
            await self._ready[need].wait()

    async def _bring_up(self, component: Component) -> None:
        """Start the component and wait until it is ready. Raises StackError; then it is not running."""
        name = component.name
        try:
            await component.prepare()
            child = spawn(component.launch)
        except OSError as error:
            raise _cannot_start(component, str(error)) from None
        self._children[name] = child
        self._note_pid(name, child.pid)
        if component.lifetime == "job":
            if code := await child.wait():
                raise _cannot_start(component, f"it {how_it_ended(code)}")
        else:
            await self._until_serving(component, child)
        self._ready[name].set()

    async def _until_serving(self, component: Component, child: Child) -> None:
        ready = asyncio.ensure_future(component.ready(child.pid))
        ended = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=component.start_seconds, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise _cannot_start(component, f"it {how_it_ended(ended.result())}")
            if not ready.done():
                raise _cannot_start(component, f"it was not ready within {component.start_seconds:.0f} s")
            ready.result()
        except StackError:
            await child.end(signal.SIGKILL, 0)
            raise
        finally:
            ready.cancel()
            ended.cancel()

    async def _watch(self, component: Component) -> None:
        """Start the component again whenever it dies, until it does so too often."""
        name = component.name
        while True:
            child = self._children[name]
            code = await child.wait()
            self._ready[name].clear()
            happened = f"{name} {how_it_ended(code)}"
            while True:
                deaths = self._count_death(name, child)
                if deaths > _DEATHS:
                    self._give_up(component, happened)
                    return
                sentence = f"{happened} and is being started again; its log: {component.launch.log}"
                self._report(Event("died", name, sentence))
                await asyncio.sleep(_FIRST_PAUSE_SECONDS * 2 ** max(0, deaths - 1))
                await self._wait_for_needs(component)
                try:
                    await self._bring_up(component)
                    break
                except StackError as error:
                    happened = error.message.partition(";")[0]
                    child = self._children[name]
            self._report(Event("restarted", name, f"{name} is running again."))

    def _count_death(self, name: str, child: Child) -> int:
        """How often the component has died of itself within the last minute."""
        deaths = self._deaths[name]
        now = time.monotonic()
        if child in self._asked_to_end:
            self._asked_to_end.discard(child)
        else:
            deaths.append(now)
        while deaths and now - deaths[0] > _WITHIN_SECONDS:
            deaths.popleft()
        return len(deaths)

    def _give_up(self, component: Component, happened: str) -> None:
        failure = StackError(
            "stack.keeps_dying",
            f"{happened}, for the {_DEATHS + 1}th time within {_WITHIN_SECONDS:.0f} s, so that everything "
            f"was stopped; its log: {component.launch.log}",
        )
        if not self._failure.done():
            self._failure.set_result(failure)
        self._stopping = self._stopping or asyncio.create_task(self._stop_all())

    def _watch_ended(self, watcher: asyncio.Task[None]) -> None:
        self._watchers.discard(watcher)
        error = None if watcher.cancelled() else watcher.exception()
        if error and not self._failure.done():
            self._failure.set_result(StackError("stack.supervisor", f"The supervisor failed: {error!r}"))

    async def _stop_all(self) -> None:
        for watcher in list(self._watchers):
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await asyncio.gather(*map(self._stop, self._components.values()))

    async def _stop(self, component: Component) -> None:
        for other in self._components.values():
            if component.name in other.needs:
                await self._ended[other.name].wait()
        if child := self._children.get(component.name):
            await child.end(component.stop_signal, component.stop_seconds)
        self._ready[component.name].clear()
        self._ended[component.name].set()


def _cannot_start(component: Component, reason: str) -> StackError:
    return StackError(
        "stack.cannot_start", f"{component.name} could not start: {reason}; its log: {component.launch.log}"
    )
