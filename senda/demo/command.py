"""`senda demo`: the whole main job on this machine, on invented accounts, in a few minutes."""

import asyncio
import sys
import time
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from policy import load_pack
from senda.client import SendaClient
from senda.demo.figures import standing_of, tables
from senda.demo.portfolio import ZONE
from senda.demo.run import PACK, demo_playbook, run_demo
from senda.demo.stories import Story, choose_stories
from senda.demo.timeline import Storyteller
from senda.rehearsal.board import board_on
from senda.stack import Endpoints, Stack

app = typer.Typer(add_completion=False)
LINE_EVERY = timedelta(days=10)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(help="another seed, other people")] = 2300,
    accounts: Annotated[int, typer.Option(help="how many accounts", min=1)] = 300,
    days: Annotated[int, typer.Option(help="how many days the clock moves", min=1)] = 120,
) -> None:
    """Start everything, run invented accounts through 120 days, show what happened."""
    try:
        asyncio.run(_demo(Console(), seed, accounts, days))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _demo(console: Console, seed: int, accounts: int, days: int) -> None:
    began = time.monotonic()
    console.print("Starting Temporal, Postgres, the API, a worker and the providers' sandbox on this machine …")
    async with Stack() as stack:
        endpoints = stack.endpoints
        console.print(f"Ready after {time.monotonic() - began:.0f} s. {accounts} accounts, {days} days.")
        async with SendaClient(endpoints) as client:
            with board_on(console, LINE_EVERY) as board:
                result = await run_demo(client, seed, accounts, days, board)
            stories = await choose_stories(client, result)
        rules = {rule.id: rule.text.es for rule in load_pack(PACK).rules}
        for table in tables(result, rules):
            console.print(table)
        teller = Storyteller(demo_playbook(), rules, ZONE)
        names = {account.key: account.person.name for account in result.accounts}
        for story in stories:
            _tell(console, story, names[story.journey.account], teller)
        console.print(f"Done in {time.monotonic() - began:.0f} s.")
        if sys.stdout.isatty():
            _invite(console, endpoints)
            await stack.wait()


def _tell(console: Console, story: Story, name: str, teller: Storyteller) -> None:
    end = standing_of(story.journey)
    table = Table("cuándo", "qué pasó", title=f"{story.journey.account} · {name} · {end}", title_justify="left")
    for line in teller.lines(story.events):
        table.add_row(line.when, line.what)
    console.print(table)


def _invite(console: Console, endpoints: Endpoints) -> None:
    console.print("\nEverything is still running. Have a look:")
    console.print(f"  API and its documentation  {endpoints.api}/docs")
    console.print(f"  journeys in Temporal       {endpoints.temporal_ui}")
    console.print(f"  what was sent; answer it   {endpoints.sandbox}")
    console.print("Press Ctrl-C to stop it all.")
