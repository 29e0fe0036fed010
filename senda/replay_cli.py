"""The command `senda replay`: a running installation's journeys, replayed strictly, or shown as they were."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from policy.errors import SendaError
from senda.client import Remote, SendaClient

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def replay(
    api: Annotated[str, typer.Option(envvar="SENDA_API", help="address of the API")],
    api_key: Annotated[str, typer.Option(envvar="SENDA_API_KEY", help="a key of compliance, for one")],
    journey: Annotated[str | None, typer.Argument(metavar="CREDITOR/ACCOUNT", show_default=False)] = None,
    at: Annotated[str | None, typer.Option(metavar="INSTANT", help="show the journey as it was then")] = None,
    every: Annotated[bool, typer.Option("--all", help="accounts of the archive instead of one")] = False,
    sample: Annotated[int, typer.Option(min=1, max=10_000, help="how many of them, at random")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, a line for each account")] = False,
) -> None:
    """Run recorded journeys again: every command and every value must come out as it was recorded.

    The exit code is 1 where one differs (the first difference is shown with both values), 2 where nothing could be
    replayed.
    """
    try:
        if every == (journey is not None) or (every and at is not None):
            raise SendaError("replay.usage", "give CREDITOR/ACCOUNT, with --at or without, or --all")
        if journey is not None and at is not None:
            asyncio.run(_show(api, api_key, _split(journey), _instant(at), as_json))
            return
        differing = asyncio.run(_check(api, api_key, _split(journey) if journey else None, sample, as_json))
    except SendaError as error:
        typer.echo(f"senda: {error.message}", err=True)
        raise typer.Exit(2) from None
    raise typer.Exit(1 if differing else 0)


def _split(journey: str) -> tuple[str, str]:
    creditor, _, account = journey.partition("/")
    if not creditor or not account:
        raise SendaError("replay.usage", f"{journey!r} is no CREDITOR/ACCOUNT")
    return creditor, account


def _instant(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SendaError("replay.instant", f"{text!r} is no instant: write it as 2026-03-15T12:00:00-05:00", "--at")
    return at.isoformat()


async def _show(api: str, api_key: str, journey: tuple[str, str], at: str, as_json: bool) -> None:
    async with SendaClient(Remote(api, api_key)) as client:
        state = await client.replay(*journey, at)
    if as_json:
        typer.echo(orjson.dumps(state).decode())
        return
    console = Console(highlight=False)
    balance, step = state["balance"], state["next_step"]
    console.print(f"{state['journey_id']} at {state['at']}")
    console.print(f"  {state['status']}, stage {state['stage']}, {state['days_past_due']} days past due")
    console.print(f"  owes {balance['amount']} {balance['currency']}, outcome {state['outcome'] or 'none yet'}")
    console.print(f"  next: {step['key']} at {step['due_at']}" if step else "  nothing planned")


async def _check(api: str, api_key: str, journey: tuple[str, str] | None, sample: int, as_json: bool) -> int:
    """Replay an account, or a sample of them; returns how many differ."""
    differing = 0
    async with SendaClient(Remote(api, api_key)) as client:
        accounts = [journey] if journey else await client.archived_accounts(sample)
        with _progress() as progress:
            for creditor, account in progress.track(accounts, description="Replaying"):
                checked = await client.check_replay(creditor, account)
                differing += not checked["identical"]
                _tell(progress.console, f"{creditor}/{account}", checked, as_json, journey is not None)
    if not as_json and journey is None:
        typer.echo(f"{len(accounts):,} accounts replayed: {differing:,} differ.")
    return differing


def _tell(console: Console, name: str, checked: dict[str, Any], as_json: bool, is_only_one: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps({"account": name, **checked}).decode())
    elif not checked["identical"]:
        found = checked["difference"]
        typer.echo(f"{name}: {found['message']}")
        typer.echo(f"  run      {found['run_id']}, {found['code']}")
        if found["path"] or found["recorded"] is not None or found["given"] is not None:
            typer.echo(f"  recorded {orjson.dumps(found['recorded']).decode()}")
            typer.echo(f"  given    {orjson.dumps(found['given']).decode()}")
    elif is_only_one:
        runs = f"{checked['runs']} runs ({checked['archived']} of them archived)"
        typer.echo(f"{name}: {runs}, {checked['events']} events, {checked['commands']} commands, all as recorded.")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
