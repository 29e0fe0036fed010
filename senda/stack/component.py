"""A part of the stack as data: how to start it, when it is ready, what it needs, how to stop it."""

import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from senda.stack.child import Launch


async def nothing_to_prepare() -> None:
    """For a component that can start as it is."""


async def ready_at_once(pid: int) -> None:
    """For a component that nobody has to wait for, and for a job, which is ready when it has ended."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """One child process: a `service` runs until it is stopped, a `job` once, when the stack starts."""

    name: str
    launch: Launch
    lifetime: Literal["service", "job"] = "service"
    needs: frozenset[str] = frozenset()
    """Names of the components that must be ready before this one starts, and end after it."""
    prepare: Callable[[], Awaitable[None]] = nothing_to_prepare
    """Runs before each start, also after a death."""
    ready: Callable[[int], Awaitable[None]] = ready_at_once
    """Given the pid, returns once the component serves."""
    start_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
