"""Waiting for something to come true, with a deadline instead of a nap."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import psutil


def eventually(is_so: Callable[[], bool], seconds: float = 10) -> None:
    """Returns once it is so; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


async def eventually_async(is_so: Callable[[], bool], seconds: float = 10) -> None:
    """The same without holding up the event loop."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - there is nothing to be woken by
            await asyncio.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be noticed does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False
