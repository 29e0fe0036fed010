"""`senda up`: the whole stack on this machine until it is told to stop."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from senda.stack.errors import AlreadyRunningError, StackError
from senda.stack.stack import ALL_COMPONENTS, Stack
from senda.stack.supervisor import Event

app = typer.Typer(add_completion=False)

_DATA = Path(".senda")
_SHOWN = {
    "api": "API",
    "sandbox": "Sent mail",
    "temporal_ui": "Journeys in Temporal",
    "temporal": "Temporal",
    "postgres": "Postgres",
    "api_key": "Admin API key",
    "processor_secret": "Webhook secret",
    "data": "Data and logs",
}


@app.command()
def up(
    data: Annotated[Path | None, typer.Option(help=f"Folder of the data; {_DATA} if nothing is said.")] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Free ports, and nothing is kept.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Start just this; may be repeated: {', '.join(ALL_COMPONENTS)}.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON when all is ready.")] = False,
) -> None:
    """Run everything on this machine, with the real clock, until it is stopped."""
    if ephemeral and data:
        raise typer.BadParameter("--ephemeral keeps nothing: leave --data out.")
    if unknown := set(only or ()) - set(ALL_COMPONENTS):
        raise typer.BadParameter(f"There is no component {', '.join(sorted(unknown))}.", param_hint="--only")
    voice = _JsonVoice() if as_json else _PersonVoice()
    stack = Stack(
        None if ephemeral else data or _DATA,
        components=only or ALL_COMPONENTS,
        ports="free" if ephemeral else "preferred",
        report=voice.happened,
    )
    try:
        asyncio.run(_run_until_told(stack, voice))
    except AlreadyRunningError as error:
        voice.already_running(error)
        raise typer.Exit(0 if error.endpoints else 1) from None
    except StackError as error:
        voice.failed(error)
        raise typer.Exit(1) from None


class _Voice(Protocol):
    """How the command speaks."""

    def ready(self, endpoints: Mapping[str, object]) -> None: ...
    def happened(self, event: Event) -> None: ...
    def already_running(self, error: AlreadyRunningError) -> None: ...
    def failed(self, error: StackError) -> None: ...


async def _run_until_told(stack: Stack, voice: _Voice) -> None:
    """Start, and stay until SIGINT, SIGTERM or SIGHUP; a signal during the start ends it, too."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, told.set)
    life = asyncio.create_task(_live(stack, voice))
    stop = asyncio.create_task(told.wait())
    await asyncio.wait({life, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not told.is_set():
        await life  # raises why it ended
    life.cancel()
    await asyncio.gather(life, return_exceptions=True)
    await stack.stop()


async def _live(stack: Stack, voice: _Voice) -> None:
    await stack.start()
    voice.ready(stack.endpoints.as_json())
    await stack.wait()


class _JsonVoice:
    """One line on stdout for the program that reads it; sentences on stderr."""

    def ready(self, endpoints: Mapping[str, object]) -> None:
        print(json.dumps(endpoints), flush=True)  # noqa: T201 - the answer of the command

    def happened(self, event: Event) -> None:
        if event.kind != "ready":
            sys.stderr.write(f"senda: {event.sentence}\n")

    def already_running(self, error: AlreadyRunningError) -> None:
        sys.stderr.write(f"senda: {error.message}\n")
        if error.endpoints:
            self.ready(error.endpoints)

    def failed(self, error: StackError) -> None:
        sys.stderr.write(f"senda: {error.message}\n")


class _PersonVoice:
    """Lines for the person at the terminal."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._errors = Console(stderr=True, highlight=False, soft_wrap=True)
        self._started = time.monotonic()

    def ready(self, endpoints: Mapping[str, object]) -> None:
        self._console.print(f"Senda is up, after {time.monotonic() - self._started:.1f} s. Ctrl-C stops it.")
        self._list(endpoints)

    def happened(self, event: Event) -> None:
        style = "yellow" if event.kind == "died" else "dim" if event.kind == "ready" else ""
        self._console.print(event.sentence, style=style, markup=False)

    def already_running(self, error: AlreadyRunningError) -> None:
        self._console.print(error.message, markup=False)
        self._list(error.endpoints or {})

    def failed(self, error: StackError) -> None:
        self._errors.print(f"senda: {error.message}", style="red", markup=False)

    def _list(self, endpoints: Mapping[str, object]) -> None:
        for name, title in _SHOWN.items():
            if name in endpoints:
                self._console.print(f"  {title:<22}{endpoints[name]}", markup=False)
