"""What can go wrong with the local stack, each told in one sentence."""

import signal
from collections.abc import Mapping
from pathlib import Path

from policy.errors import SendaError


class StackError(SendaError):
    """The stack cannot start or go on; `message` is one sentence for the person at the terminal."""


class AlreadyRunningError(StackError):
    """Another process runs the stack of this data folder.

    `endpoints` is what it has published (as by `Endpoints.as_json`), or None while it is still starting.
    """

    def __init__(self, data: Path, endpoints: Mapping[str, object] | None) -> None:
        state = "is already running" if endpoints else "is already being started"
        super().__init__("stack.already_running", f"The stack of {data} {state}.")
        self.endpoints = endpoints


def how_it_ended(code: int) -> str:
    """The end of a process in words; `code` as `subprocess` gives it: negative for a signal."""
    if code >= 0:
        return f"exited with code {code}"
    return f"was ended by {_signal_name(-code)}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
