"""A stack for code without an event loop of its own, such as a session-scoped fixture."""

import asyncio
import threading
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from senda.stack.endpoints import Endpoints
from senda.stack.postgres import Durability
from senda.stack.stack import ALL_COMPONENTS, Stack


@contextmanager
def running_stack(
    data: Path | None = None,
    *,
    components: Sequence[str] = ALL_COMPONENTS,
    durability: Durability = "full",
) -> Generator[Endpoints]:
    """A stack on free ports that runs while the block does; without `data` in a temporary folder."""
    stack = Stack(data, components=components, durability=durability)
    with _event_loop() as run:
        run(stack.start())
        try:
            yield stack.endpoints
        finally:
            run(stack.stop())


@contextmanager
def scratch_postgres() -> Generator[str]:
    """The URL of an empty database on a server of its own, quick and forgetful: for tests only.

    The role may create further databases on it.
    """
    with running_stack(components=("postgres",), durability="none") as endpoints:
        yield endpoints.postgres


class _Runner:
    """Runs coroutines on a loop that lives in another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __call__(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


@contextmanager
def _event_loop() -> Generator[_Runner]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="senda stack", daemon=True)
    thread.start()
    try:
        yield _Runner(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
