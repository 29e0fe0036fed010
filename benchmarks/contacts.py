"""Contacts a second (decide, render, send, record), against bare one-activity workflows."""

import secrets
from time import perf_counter

from benchmarks.bare import QUEUE, BareContact
from benchmarks.rounds import Figure, Site, at, side_by_side

CONTACTS = 200


async def floor(site: Site, number: int) -> float:
    """Bare one-activity workflows a second."""
    prefix = secrets.token_hex(4)

    async def run(which: int) -> None:
        await site.engine.execute_workflow(BareContact.run, id=f"one-{prefix}-{which}", task_queue=QUEUE)

    began = perf_counter()
    await side_by_side(run, range(CONTACTS))
    return CONTACTS / (perf_counter() - began)


async def product(site: Site, number: int) -> float:
    """Contacts a second: all are due at nine o'clock of the test clock."""
    creditor = await site.creditor("contact")
    await site.load(creditor, CONTACTS)
    began = perf_counter()
    await site.client.advance(creditor, at(9))
    seconds = perf_counter() - began
    sent = (await site.client.summary(creditor)).contacts.sent
    if sent != CONTACTS:
        raise RuntimeError(f"{sent} of {CONTACTS} contacts left")
    return CONTACTS / seconds


def figure(medians: tuple[float, float]) -> Figure:
    """More is better."""
    bare, ours = medians
    return Figure("contacts", ours, "/s", bare, ours / bare)
