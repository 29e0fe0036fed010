"""Policy decisions a second on one core, with five contacts in the log."""

from datetime import UTC, datetime, timedelta
from time import process_time

from benchmarks.rounds import Figure
from policy import LoggedContact, Query, decide, load_pack

DECISIONS = 40_000


def measure() -> Figure:
    """Decisions a second of CPU time, over a week of instants, allowed and refused mixed."""
    packs = [load_pack("CO")]
    start = datetime(2026, 3, 2, 5, tzinfo=UTC)
    contacts = tuple(
        LoggedContact(start - timedelta(days=day), "email", "outbound", "collection", False) for day in range(9, 14)
    )
    queries = [
        Query(
            zones=("America/Bogota",),
            at=start + timedelta(minutes=7 * number % 10_080),
            channel="email",
            purpose="collection",
            role="debtor",
            authorised_channels=("email", "sms"),
            contacts=contacts,
        )
        for number in range(DECISIONS)
    ]
    for query in queries[:1000]:
        decide(packs, query)
    began = process_time()
    for query in queries:
        decide(packs, query)
    return Figure("policy decisions on one core", DECISIONS / (process_time() - began), "/s")
