"""Packs of creditors' own, as tests put them."""

from datetime import date
from typing import Any

import yaml

WORKDAYS = ["mon", "tue", "wed", "thu", "fri"]
WORDS: dict[str, Any] = {
    "text": {"es": "Como pidió el acreedor.", "en": "As the creditor asked."},
    "source": "acta 12",
    "mark": "P",
}


def office_hours(opens: str = "10:00", closes: str = "16:00") -> dict[str, Any]:
    """A rule: on workdays within these hours."""
    hours = [{"days": WORKDAYS, "opens": opens, "closes": closes}]
    return {"id": "AM-01", "kind": "window", "hours": hours, "closed": ["sat", "sun"], **WORDS}


def seldom(days: int) -> dict[str, Any]:
    """A rule: a contact, and none for so many days."""
    return {"id": "AM-02", "kind": "cap", "limit": 1, "period": "day", "next_from_day": days, **WORDS}


def pack_of(key: str, *rules: dict[str, Any], **changes: Any) -> str:
    """The YAML of a pack of a creditor's own."""
    content: dict[str, Any] = {
        "pack": key,
        "version": "1",
        "name": {"es": "Amable, estricto", "en": "Amable, strict"},
        "valid_from": date(2026, 1, 1),
        "status": "in_force",
        "reviewed_by_counsel": False,
        "zones": [],
        "holidays": None,
        "rules": list(rules or [office_hours()]),
    }
    return yaml.safe_dump({**content, **changes})
