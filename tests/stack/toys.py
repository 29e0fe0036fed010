"""Components made of shell scripts, for the tests of what does not care what it runs."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from senda.stack import Event
from senda.stack.child import Launch
from senda.stack.component import Component
from senda.stack.supervisor import Supervisor
from tests.stack.waiting import eventually_async

FOREVER = "exec sleep 600"


@dataclass
class Toys:
    """Makes toy components in a folder, runs them, and notes what is reported."""

    folder: Path
    events: list[Event] = field(default_factory=list[Event])

    def component(self, name: str, script: str = FOREVER, **more: Any) -> Component:
        launch = Launch(
            command=("/bin/sh", "-c", script),
            environment={**os.environ, "HERE": str(self.folder)},
            log=self.folder / f"{name}.log",
        )
        return Component(name=name, launch=launch, **more)

    def waits_for(self, file: str) -> Any:
        """A `ready` that waits for the script to make a file here."""

        async def ready(_pid: int) -> None:
            await eventually_async((self.folder / file).exists)

        return ready

    def supervisor(self, components: Sequence[Component]) -> Supervisor:
        return Supervisor(components, self.events.append, lambda _name, _pid: None)

    @asynccontextmanager
    async def running(self, *components: Component) -> AsyncIterator[Supervisor]:
        supervisor = self.supervisor(components)
        await supervisor.start()
        try:
            yield supervisor
        finally:
            await supervisor.stop()

    def lines(self, file: str) -> list[str]:
        path = self.folder / file
        return path.read_text().split() if path.exists() else []

    def sentences(self, kind: str) -> list[str]:
        return [event.sentence for event in self.events if event.kind == kind]
