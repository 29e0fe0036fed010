"""The local stack: which components there are, where they listen, and its life from start to stop."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from senda.stack.applications import Applications
from senda.stack.component import Component
from senda.stack.endpoints import Endpoints
from senda.stack.errors import StackError
from senda.stack.folder import DataFolder, remove_all_but_logs, remove_folder, temporary_folder, write_json
from senda.stack.keys import secrets_of
from senda.stack.leftovers import ProcessRecord, clear_abandoned_folders
from senda.stack.ports import PortPolicy, Ports
from senda.stack.postgres import Durability, Postgres
from senda.stack.postgres import installed_programs as postgres_programs
from senda.stack.supervisor import Event, Supervisor
from senda.stack.temporal import Temporal
from senda.stack.temporal import installed_program as temporal_program

ALL_COMPONENTS = ("postgres", "temporal", "sandbox", "migrations", "api", "worker")


@dataclass(frozen=True)
class Programs:
    """What the stack runs: the folder above Postgres' `bin`, the Temporal server, and Python."""

    postgres: Path = field(default_factory=postgres_programs)
    temporal: Path = field(default_factory=temporal_program)
    python: str = sys.executable


def _ignore(_event: Event) -> None:
    """For whoever does not want to hear of events."""


class Stack:
    """A stack in the folder `data`, or else in a temporary one that is removed at the end.

    `components` are any of ALL_COMPONENTS; `report` hears each Event. Use it as an async context manager, or
    call `start` and `stop`, all in one event loop. Raises StackError, whose message is for people.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        components: Sequence[str] = ALL_COMPONENTS,
        ports: PortPolicy = "free",
        durability: Durability = "full",
        programs: Programs | None = None,
        report: Callable[[Event], None] = _ignore,
    ) -> None:
        self._data = data
        self._names = components
        self._port_policy: PortPolicy = ports
        self._durability: Durability = durability
        self._programs = programs
        self._report = report
        self._running: _Running | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def endpoints(self) -> Endpoints:
        return self._started.endpoints()

    @property
    def environment(self) -> Mapping[str, str]:
        """The SENDA_… variables that the API and the worker of this stack are given."""
        return self._started.parts.applications.environment()

    async def start(self) -> None:
        """Returns when every component serves; after an error nothing is left running."""
        self._running = running = self._set_up()
        try:
            await running.supervisor.start()
        except StackError:
            await self._stop(remove_all_but_logs)
            raise
        except BaseException:
            await self._stop(remove_folder)
            raise
        running.publish()

    async def wait(self) -> None:
        """Waits until a component keeps dying; then everything is stopped, and StackError raised."""
        try:
            await self._started.supervisor.wait()
        except StackError:
            await self._stop(remove_all_but_logs)
            raise

    async def stop(self) -> None:
        """End everything; returns when no process is left. A stack that does not run may be stopped, too."""
        await self._stop(remove_folder)

    async def kill(self, name: str) -> None:
        """End one component as a crash would; it is started again at once (see `until_ready`)."""
        await self._started.supervisor.kill(name)

    async def restart(self, name: str) -> None:
        """Stop one component gently; returns when it serves again."""
        await self._started.supervisor.restart(name)

    async def until_ready(self, name: str) -> None:
        """Returns when the component serves."""
        await self._started.supervisor.until_ready(name)

    @property
    def _started(self) -> "_Running":
        if self._running is None:
            raise StackError("stack.not_started", "The stack is not running: start it first.")
        return self._running

    def _set_up(self) -> "_Running":
        """Everything that the components need before they start; it may wait for leftovers to end."""
        if self._data is None:
            clear_abandoned_folders()
        folder = DataFolder(self._data or temporary_folder())
        with ExitStack() as undo:
            undo.callback(self._clear_away, folder.path, remove_folder)
            undo.callback(folder.close)
            try:
                record = ProcessRecord(folder.processes)
                record.end_leftovers()
                parts = self._parts(folder)
                undo.callback(parts.ports.release)
                running = _Running(parts, self._names, self._report, record)
            except OSError as error:
                raise StackError("stack.set_up", f"The stack cannot be set up: {error}.") from None
            undo.pop_all()
            return running

    def _parts(self, folder: DataFolder) -> "_Parts":
        programs = self._programs or Programs()
        secrets = secrets_of(folder)
        ports = Ports(self._port_policy)
        postgres = Postgres(folder, secrets, ports["postgres"], programs.postgres, self._durability)
        temporal = Temporal(folder, ports["temporal"], ports["temporal_ui"], programs.temporal)
        applications = Applications(folder, secrets, ports, postgres.url(), temporal.address(), programs.python)
        return _Parts(folder, ports, postgres, temporal, applications)

    async def _stop(self, clear: Callable[[Path], None]) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        await running.supervisor.stop()
        running.parts.ports.release()
        running.parts.folder.close()
        await asyncio.to_thread(self._clear_away, running.parts.folder.path, clear)

    def _clear_away(self, path: Path, clear: Callable[[Path], None]) -> None:
        if self._data is None:
            clear(path)


@dataclass(frozen=True)
class _Parts:
    """What one stack is made of."""

    folder: DataFolder
    ports: Ports
    postgres: Postgres
    temporal: Temporal
    applications: Applications

    def component(self, name: str) -> Component:
        makers: Mapping[str, Callable[[], Component]] = {
            "postgres": self.postgres.component,
            "temporal": self.temporal.component,
            "sandbox": self.applications.sandbox,
            "migrations": self.applications.migrations,
            "api": self.applications.api,
            "worker": self.applications.worker,
        }
        return makers[name]()

    def endpoints(self, pids: Mapping[str, int]) -> Endpoints:
        applications = self.applications
        return Endpoints(
            api=applications.url("api"),
            api_key=applications.secrets.admin_key,
            temporal=self.temporal.address(),
            temporal_ui=applications.url("temporal_ui"),
            postgres=self.postgres.url(),
            sandbox=applications.url("sandbox"),
            processor_secret=applications.secrets.processor_secret,
            sandbox_smtp=applications.smtp_url(),
            data=str(self.folder.path),
            pids=pids,
        )


class _Running:
    """A stack between start and stop."""

    def __init__(
        self, parts: _Parts, names: Sequence[str], report: Callable[[Event], None], record: ProcessRecord
    ) -> None:
        self.parts = parts
        self._report = report
        self.supervisor = Supervisor(map(parts.component, names), self._on_event, record.note)

    def endpoints(self) -> Endpoints:
        return self.parts.endpoints(self.supervisor.pids)

    def publish(self) -> None:
        """Write the endpoints where a second `senda up` on this folder finds them."""
        write_json(self.parts.folder.endpoints, self.endpoints().as_json())

    def _on_event(self, event: Event) -> None:
        if event.kind == "restarted":
            self.publish()
        self._report(event)
