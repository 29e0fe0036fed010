"""What is left of payments once what was taken back of them is gone. Rows are those of `payments`."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from journey.money import Entry, remaining

Names = Mapping[tuple[str, str | None], int]
"""The ledger's number of a payment by its processor and the processor's own number."""


def names_of(rows: Iterable[Mapping[str, Any]]) -> Names:
    """How the payments among these rows are named."""
    return {(row["processor"], row["external_id"]): row["id"] for row in rows}


def target_of(row: Mapping[str, Any], names: Names) -> int | None:
    """The payment (or taking back) that a row takes back; none for a payment, and where it is not known."""
    return names.get((row["processor"], row["reverses"]))


def left_of(rows: Iterable[Mapping[str, Any]], names: Names) -> dict[int, Decimal]:
    """What is left of each of these payments, and of each taking back, by the ledger's number."""
    return remaining(Entry(row["id"], row["amount"], target_of(row, names)) for row in rows)
