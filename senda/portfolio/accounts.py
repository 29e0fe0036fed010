"""Receivables as the accounts that the API imports, a line of JSON each."""

from datetime import date
from typing import Any

import orjson

from senda.portfolio.mapping import Mapping
from senda.portfolio.rows import Receivable

DUE_KEY = "1"
"""A file of documents has one due an account; its key must stay the same when the file comes again."""


def account_of(receivable: Receivable, mapping: Mapping, dues: list[dict[str, str]]) -> dict[str, Any]:
    """An account as the API takes it."""
    return {
        "account": receivable.account,
        "debtor": {
            "key": receivable.debtor,
            "name": receivable.name or None,
            "language": mapping.language,
            "time_zones": [mapping.time_zone],
            "addresses": receivable.addresses,
            "authorised_channels": list(mapping.authorised_channels),
            "preferred_channel": None,
        },
        "dues": dues,
        "facts": receivable.facts,
    }


def open_due(receivable: Receivable) -> list[dict[str, str]]:
    """The whole document as the one due of its account."""
    due_date, amount = receivable.due_date.isoformat(), str(receivable.amount)
    return [{"key": DUE_KEY, "due_date": due_date, "amount": amount}]


def settled_by(receivable: Receivable, today: date) -> bool:
    """Whether the file says that the document was paid by `today`; what is paid later is still owed."""
    return receivable.paid is not None and receivable.paid <= today


def line_of(account: dict[str, Any]) -> bytes:
    """One line of NDJSON."""
    return orjson.dumps(account, option=orjson.OPT_APPEND_NEWLINE)
