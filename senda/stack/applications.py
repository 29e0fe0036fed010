"""Senda's own processes as components: the sandbox, the migrations, the API and the worker."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from senda.stack.channels import LocalChannels
from senda.stack.child import Launch
from senda.stack.component import Component
from senda.stack.folder import DataFolder
from senda.stack.keys import Secrets
from senda.stack.ports import HOST, Ports
from senda.stack.probes import answers_http, until

_DRAINS_SECONDS = 35  # the worker's graceful shutdown takes up to 30


@dataclass(frozen=True)
class Applications:
    """What the processes of one stack are told, all of it through their environment (see `settings.py`)."""

    folder: DataFolder
    secrets: Secrets
    ports: Ports
    database_url: str
    temporal_address: str
    python: str = sys.executable

    def sandbox(self) -> Component:
        """The server that takes the place of all providers, and its page."""
        arguments = (
            *("--data", str(self.folder.sandbox)),
            *("--accounts", str(self.channels().write())),
            *("--http-port", str(self.ports["sandbox"]), "--smtp-port", str(self.ports["sandbox_smtp"])),
        )
        url = f"{self.url('sandbox')}/messages/count"
        return Component(
            name="sandbox",
            launch=self._python("sandbox", "senda.sandbox", *arguments),
            ready=lambda _pid: answers_http(url),
        )

    def migrations(self) -> Component:
        """Brings the database to the present schema, once, before anything uses it."""
        return Component(
            name="migrations",
            launch=self._python("migrations", "ledger.migrate"),
            lifetime="job",
            needs=frozenset({"postgres"}),
        )

    def api(self) -> Component:
        health = f"{self.url('api')}/health"
        return Component(
            name="api",
            launch=self._python("api", "api"),
            needs=frozenset({"postgres", "temporal", "migrations"}),
            ready=lambda _pid: answers_http(health),
        )

    def worker(self) -> Component:
        ready_file = self.folder.path / "worker.ready"

        async def prepare() -> None:
            ready_file.unlink(missing_ok=True)

        return Component(
            name="worker",
            launch=self._python("worker", "worker", SENDA_READY_FILE=str(ready_file)),
            needs=frozenset({"postgres", "temporal", "migrations"}),
            prepare=prepare,
            ready=lambda _pid: until(ready_file.exists),
            stop_seconds=_DRAINS_SECONDS,
        )

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.ports[name]}"

    def channels(self) -> LocalChannels:
        """The channels of this stack, which the sandbox serves."""
        return LocalChannels(self.folder, self.secrets, self.url("sandbox"), self.smtp_url(), self.url("api"))

    def smtp_url(self) -> str:
        return f"smtp://{HOST}:{self.ports['sandbox_smtp']}"

    def environment(self) -> Mapping[str, str]:
        """The variables of `settings.Settings`, for whoever wants to run a part of his own beside these."""
        return {
            "SENDA_DATABASE_URL": self.database_url,
            "SENDA_TEMPORAL_ADDRESS": self.temporal_address,
            "SENDA_PAYLOAD_KEYS": self.secrets.payload_keys,
            **self.channels().environment(),
            "SENDA_PROCESSOR_SECRET": self.secrets.processor_secret,
            "SENDA_ADMIN_KEY": self.secrets.admin_key,
            "SENDA_SIGNING_KEY": self.secrets.signing_key,
            "SENDA_FEEDBACK_PRIVATE": "true",
            "SENDA_API_HOST": HOST,
            "SENDA_API_PORT": str(self.ports["api"]),
        }

    def _python(self, log: str, module: str, *arguments: str, **variables: str) -> Launch:
        return Launch(
            # -P: a folder that happens to be called `api` where the user stands must not come first.
            command=(self.python, "-P", "-m", module, *arguments),
            environment={**_inherited(), "PYTHONUNBUFFERED": "1", **self.environment(), **variables},
            log=self.folder.log(log),
        )


def _inherited() -> dict[str, str]:
    """Our own environment, but compiled modules are kept: the workflow sandbox imports its module for each run."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
