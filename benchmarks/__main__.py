"""`make bench`: bulk start, reaction to a payment, contacts and decisions, each against its floor, in turns."""

import asyncio
import json
import os
import platform
import subprocess
import sys
from statistics import median
from time import perf_counter

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from benchmarks import bulk, contacts, decisions, permits, reaction, replay
from benchmarks.rounds import Figure, Site
from senda.client import SendaClient
from senda.stack import Stack
from workflows.codec import data_converter

ROUNDS = 2


async def main(console: Console) -> list[Figure]:
    """Measure everything on a stack of its own; floor and product take turns, the median of the rounds counts."""
    async with Stack() as stack:
        environment = {**os.environ, **stack.environment}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        bare = subprocess.Popen([sys.executable, "-m", "benchmarks.bare"], env=environment)  # noqa: ASYNC220 - at start
        try:
            engine = await Client.connect(stack.endpoints.temporal)
            keys = stack.environment["SENDA_PAYLOAD_KEYS"].split(",")
            sealed = await Client.connect(stack.endpoints.temporal, data_converter=data_converter(keys))
            async with SendaClient(stack.endpoints) as client:
                site = Site(stack.endpoints, engine, sealed, client)
                figures = [decisions.measure(), decisions.lines()]
                rounds = sorted(
                    [await permits.measure(site) for _ in range(ROUNDS + 1)], key=lambda each: each.ratio or 0
                )
                figures.append(rounds[len(rounds) // 2])
                console.print(f"permits: {', '.join(f'{each.ratio:.2f}' for each in rounds)} of the bare rate")
                for part in (bulk, reaction, contacts):
                    began = perf_counter()
                    pairs = [(await part.floor(site, n), await part.product(site, n)) for n in range(ROUNDS + 1)]
                    floors, products = zip(*pairs[1:], strict=True)  # the first round warms up
                    figures.append(part.figure((median(floors), median(products))))
                    console.print(f"{figures[-1].name}: {perf_counter() - began:.0f} s, {figures[-1].as_json()}")
                figures.append(await replay.measure(site))
        finally:
            bare.terminate()
            bare.wait()
    return figures


def show(console: Console, figures: list[Figure]) -> None:
    """A table for people, and a line of JSON for programs."""
    table = Table(
        "what",
        "Senda",
        "floor",
        "ratio",
        title=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    )
    for figure in figures:
        floor = f"{figure.floor:,.1f} {figure.unit}" if figure.floor else "–"
        table.add_row(
            figure.name, f"{figure.value:,.1f} {figure.unit}", floor, f"{figure.ratio:.2f}" if figure.ratio else "–"
        )
    console.print(table)
    sys.stdout.write(json.dumps([figure.as_json() for figure in figures]) + "\n")


if __name__ == "__main__":
    out = Console(stderr=True)
    show(out, asyncio.run(main(out)))
