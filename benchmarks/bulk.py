"""Journeys a second through the bulk start, against bare `start_workflow` calls."""

import secrets
from time import perf_counter

from benchmarks.bare import QUEUE, BareSleeper
from benchmarks.rounds import Figure, Site, side_by_side

JOURNEYS = 400


async def floor(site: Site, number: int) -> float:
    """Bare starts a second."""
    prefix = secrets.token_hex(4)

    async def start(which: int) -> None:
        await site.engine.start_workflow(BareSleeper.run, id=f"bare-{prefix}-{which}", task_queue=QUEUE)

    began = perf_counter()
    await side_by_side(start, range(JOURNEYS))
    return JOURNEYS / (perf_counter() - began)


async def product(site: Site, number: int) -> float:
    """Journeys a second: opened in the record, launched in the engine, counted."""
    return JOURNEYS / await site.load(await site.creditor("bulk"), JOURNEYS)


def figure(medians: tuple[float, float]) -> Figure:
    """More is better."""
    bare, ours = medians
    return Figure("journeys started by the bulk start", ours, "/s", bare, ours / bare)
