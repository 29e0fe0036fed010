"""Waiting until something holds, with a deadline instead of a nap."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")

PAUSE = 0.05
"""Seconds between two tries."""


async def assert_eventually(check: Callable[[], Awaitable[Answer]], seconds: float = 20) -> Answer:
    """The answer of the first `check` without an AssertionError; the last such error once the time is up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await check()
        except AssertionError:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(PAUSE)
