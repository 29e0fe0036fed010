"""Policy decisions a second on one core with five contacts in the log, and lines a second of `senda policy check`."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from time import perf_counter, process_time

import orjson

from benchmarks.rounds import Figure
from policy import LoggedContact, Query, decide, load_pack, pack_keys

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


LINES = 20_000


def lines() -> Figure:
    """Lines a second of the command, its start included: packs, zones, hours and logs mixed."""
    random = Random(LINES)
    zones = ["America/Bogota", "America/Lima", "America/Santiago", "America/New_York", "America/Los_Angeles"]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    cases = b"".join(_line(random, zones, start + timedelta(minutes=random.randrange(525_600))) for _ in range(LINES))
    began = perf_counter()
    command = [str(Path(sys.executable).with_name("senda")), "policy", "check"]
    done = subprocess.run(command, input=cases, capture_output=True, check=True)
    seconds = perf_counter() - began
    verdicts = done.stdout.count(b"\n")
    if verdicts != LINES:
        raise RuntimeError(f"{verdicts} verdicts for {LINES} lines")
    return Figure("policy check", LINES / seconds, " lines/s")


def _line(random: Random, zones: list[str], at: datetime) -> bytes:
    channels = ["sms", "email", "call", "whatsapp"]
    log = [
        {
            "at": (at - timedelta(minutes=random.randrange(1, 20_000))).isoformat(),
            "channel": random.choice(channels),
            "direction": "outbound",
            "purpose": "collection",
            "two_way": random.random() < 0.2,
        }
        for _ in range(5)
    ]
    case = {
        "pack": random.choice(pack_keys()),
        "zones": random.sample(zones, random.choice([1, 1, 1, 2])),
        "at": at.isoformat(),
        "channel": random.choice(channels),
        "purpose": "collection",
        "role": "debtor",
        "authorised_channels": channels,
        "contacts": log,
    }
    return orjson.dumps(case, option=orjson.OPT_APPEND_NEWLINE)
