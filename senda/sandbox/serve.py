"""The sandbox as a process: its HTTP port, its SMTP port, and a door of its own for each provider that wants one."""

import asyncio
import errno
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from policy.errors import SendaError
from senda.sandbox.accounts import Accounts
from senda.sandbox.connections import Breakable, Door
from senda.sandbox.entries import ProviderName
from senda.sandbox.faults import Fault
from senda.sandbox.sandbox import Sandbox
from senda.sandbox.smtp import serve_smtp
from senda.sandbox.store import Store
from senda.sandbox.web import make_app


@dataclass(frozen=True)
class Ports:
    """0 takes a free port. `doors`: HTTP ports of one provider alone, which its fault `refuse` shuts; on the common
    port a refused connection is one that is cut."""

    http: int = 8025
    smtp: int = 1025
    doors: Mapping[ProviderName, int] = field(default_factory=dict[ProviderName, int])


@dataclass(frozen=True)
class Running:
    """A sandbox that runs, and the ports that it got."""

    sandbox: Sandbox
    ports: Ports


@asynccontextmanager
async def running(data: Path, accounts: Accounts, host: str, ports: Ports) -> AsyncGenerator[Running]:
    """Serve until the end of the block. Raises SendaError `sandbox.port_taken`."""
    try:
        async with _running(data, accounts, host, ports) as sandbox:
            yield sandbox
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SendaError("sandbox.port_taken", "A port of the sandbox is taken by another program.") from error


@asynccontextmanager
async def _running(data: Path, accounts: Accounts, host: str, ports: Ports) -> AsyncGenerator[Running]:
    with closing(Store(data)) as store:
        sandbox = Sandbox(store, accounts)
        listening = socket.create_server((host, ports.http), family=_family(host), backlog=512)
        http_port = listening.getsockname()[1]
        smtp = await serve_smtp(store, host, 0, faults=sandbox.faults, kept=sandbox.mails.kept)
        smtp_port = smtp.sockets[0].getsockname()[1]
        doors = {
            **{provider: Door(host, port, http_port) for provider, port in ports.doors.items()},
            "smtp": Door(host, ports.smtp, smtp_port),
        }

        async def changed(provider: ProviderName, fault: Fault) -> None:
            if door := doors.get(provider):
                await (door.shut() if fault.mode == "refuse" else door.open())

        server = _server(make_app(store, sandbox))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            for door in doors.values():
                await door.open()
            sandbox.faults.changed = changed
            sandbox.calls.resume()
            got = Ports(http_port, doors["smtp"].port, {name: doors[name].port for name in ports.doors})
            yield Running(sandbox, got)
        finally:
            server.should_exit = True
            for door in doors.values():
                await door.shut()
            smtp.close()
            await sandbox.close()
            await serving


async def serve(
    data: Path, accounts: Accounts, host: str, ports: Ports, ready: Callable[[Ports], None] = lambda _: None
) -> None:
    """Serve until SIGINT or SIGTERM; `ready` is told the ports."""
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    async with running(data, accounts, host, ports) as started:
        ready(started.ports)
        await told.wait()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Server(uvicorn.Server):
    """Leaves signals to `serve`."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _server(app: FastAPI) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=Breakable,
        lifespan="off",
        proxy_headers=False,
        log_level="warning",
        access_log=False,  # addresses of people would be in it
        timeout_graceful_shutdown=2,
    )
    return _Server(config)
