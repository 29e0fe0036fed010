"""One child process that cannot outlive this one."""

import asyncio
import contextlib
import ctypes
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from senda.stack.account import Account

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LIBC: ctypes.CDLL | None = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a child: its output is appended to `log`; `account` only where this process is root."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    account: Account | None = None
    death_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends the child when this process ends without having stopped it (Linux)."""


class Child:
    """A started process, the leader of its own session and process group."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> None:
        self._ended.set()

    async def wait(self) -> int:
        """The exit code once it has ended; negative for a signal."""
        await self._ended.wait()
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self, number: signal.Signals, seconds: float) -> None:
        """Ask by signal, and after `seconds` end it and whatever it has started."""
        self.send(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(), seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.wait()


def spawn(launch: Launch) -> Child:
    """Start a child. Raises OSError where the program is missing or cannot run.

    The kernel's death signal follows the *thread* that forked, so each child gets a thread that starts it and
    then waits for it. The call blocks for the few milliseconds of a fork, which leaves no moment in which a
    cancelled caller could lose a process.
    """
    loop = asyncio.get_running_loop()
    started: queue.SimpleQueue[Child | OSError] = queue.SimpleQueue()

    def live() -> None:
        try:
            process = _popen(launch)
        except OSError as error:
            started.put(error)
            return
        child = Child(process)
        started.put(child)
        process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(child.has_ended)

    threading.Thread(target=live, name=f"child {launch.command[0]}", daemon=True).start()
    outcome = started.get()
    if isinstance(outcome, OSError):
        raise outcome
    return outcome


async def run(launch: Launch) -> int:
    """Start a short command and wait for its exit code; a cancelled caller takes it along."""
    child = spawn(launch)
    try:
        return await child.wait()
    except asyncio.CancelledError:
        await child.end(signal.SIGKILL, 0)
        raise


def _popen(launch: Launch) -> "subprocess.Popen[bytes]":
    account = launch.account
    descriptor = os.open(launch.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        return subprocess.Popen(
            launch.command,
            env=launch.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=_die_with_this_process(launch.death_signal),
        )
    finally:
        os.close(descriptor)


def _die_with_this_process(number: signal.Signals) -> Callable[[], None] | None:
    """For `preexec_fn`, which runs after the change of account, which would clear the setting."""
    libc, parent = _LIBC, os.getpid()
    if libc is None:
        return None

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it ended before the kernel was told
            os._exit(1)

    return in_child
