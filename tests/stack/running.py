"""A `senda up --json` in a process of its own."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from senda.stack.folder import read_json

SENDA = (sys.executable, "-c", "from senda.cli import main; main()")
DATA_COMPONENTS = ("postgres", "temporal", "sandbox")


def only(*names: str) -> list[str]:
    """The arguments that start just these components."""
    return [part for name in names for part in ("--only", name)]


class Up:
    """The running command; `endpoints` is the line that it printed."""

    def __init__(self, *arguments: str, senda: tuple[str, ...] = SENDA, **options: Any) -> None:
        self.process = subprocess.Popen(
            [*senda, "up", "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        assert self.process.stdout
        assert self.process.stderr
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.endpoints: dict[str, Any] = json.loads(line)

    @property
    def data(self) -> Path:
        return Path(self.endpoints["data"])

    @property
    def pids(self) -> dict[str, int]:
        """As they were when it had started."""
        return self.endpoints["pids"]

    def pid_now(self, component: str) -> int:
        published = read_json(self.data / "endpoints.json") or {}
        pids: Any = published["pids"]
        return pids[component]

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """The exit code, what else it printed, and what it said on stderr."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=30)
        return self.process.returncode, output, errors
