"""Which tables are chained, whose their rows are, and how a row's content is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from ledger.schema import metadata

NOBODY = 0
"""The chain of facts about nobody who is known: money without an account, strangers, commands that name no person."""

TEXT_FORM = """
SELECT set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),
    set_config('IntervalStyle', 'postgres', true), set_config('bytea_output', 'hex', true),
    set_config('extra_float_digits', '1', true), set_config('client_encoding', 'UTF8', true)"""
"""Settings of a transaction under which Postgres prints every value in the same way; run it before reading content."""

NOT_OF_PEOPLE = (
    *("playbooks", "playbook_versions", "packs", "pack_versions", "reference_values"),
    *("import_errors", "processor_events", "chain", "daily_roots"),
)
"""Tables that are append-only and not chained: they say nothing of a person, or have no number for their rows."""

PARTS_OF_OTHERS = {"agreement_instalments": "agreements"}
"""Tables whose rows are content of another table's row."""


def _by(table: str, column: str, whose: str = "p.person_id") -> str:
    return f"(SELECT {whose} FROM {table} p WHERE p.id = t.{column})"


def _by_account(table: str, column: str) -> str:
    return f"(SELECT a.person_id FROM {table} p JOIN accounts a ON a.id = p.account_id WHERE p.id = t.{column})"


_ACCOUNT = _by("accounts", "account_id")
_CONVERSATION = """(SELECT d.person_id FROM conversations v JOIN debtors d ON d.id = v.debtor_id
    WHERE v.id = t.conversation_id)"""
_NAMED = r"""CASE
    WHEN t.action ~ '^\S+ /v1/(debtors/\{key\}|compliance/[^{]*\{debtor\})[^{]*$'
        THEN (SELECT p.id FROM people p WHERE p.key = t.subject)
    WHEN t.action ~ '/\{creditor\}/\{account\}' THEN (
        SELECT a.person_id FROM accounts a WHERE a.creditor = split_part(t.subject, ':', 1) AND a.key =
            CASE WHEN t.action ~ '/\{creditor\}/\{account\}[^{]*$' THEN substr(t.subject, strpos(t.subject, ':') + 1)
            ELSE regexp_replace(substr(t.subject, strpos(t.subject, ':') + 1), ':[^:]*$', '') END) END"""
"""A line of the audit trail is about whom its path names."""

_BY_REAL_CLOCK = """CASE WHEN (SELECT c.test_clock FROM accounts a JOIN creditors c ON c.key = a.creditor
    WHERE a.id = t.account_id) IS NULL THEN t.booked_at END"""

_INSTALMENTS = """(SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(i) - 'agreement_id') ORDER BY i.number)
    FROM agreement_instalments i WHERE i.agreement_id = t.id)"""


@dataclass(frozen=True)
class Source:
    """A chained table. `person` and `recorded` are SQL over its row `t`.

    `person`: of people, null where nobody is known. `recorded`: when the row was written, by the real clock; null where
    that is not known. `parts`: what belongs to the content beside the columns.
    """

    table: str
    person: str = "t.person_id"
    recorded: str = "t.recorded_at"
    parts: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the content consists of, in the order in which it is hashed."""
        return tuple(sorted(map(str, [*metadata.tables[self.table].columns.keys(), *self.parts])))

    @cached_property
    def values(self) -> str:
        """The SELECT list of the content, in the order of `names`."""
        return ", ".join(self.parts.get(name, f't."{name}"') for name in self.names)


SOURCES = {
    source.table: source
    for source in (
        Source("preferences"),
        Source(
            "payments",
            "(SELECT a.person_id FROM accounts a WHERE a.creditor = t.creditor AND a.key = t.account)",
            "t.received_at",
        ),
        Source("postings", _ACCOUNT, _BY_REAL_CLOCK),
        Source("credits", _ACCOUNT),
        Source("credit_events", _by_account("credits", "credit_id")),
        Source("journey_events", _by("journeys", "journey_id")),
        Source("contacts"),
        Source("contact_events", _by("contacts", "contact_id")),
        Source("invalid_addresses", _by("debtors", "debtor_id")),
        Source("inbound", f"coalesce({_by('contacts', 'contact_id')}, {_by('contacts', 'answers')}, {_CONVERSATION})"),
        Source("answers", f"coalesce({_by('contacts', 'contact_id')}, {_CONVERSATION})"),
        Source("agreements", _ACCOUNT, parts={"instalments": _INSTALMENTS}),
        Source("agreement_events", _by_account("agreements", "agreement_id")),
        Source("disputes", _ACCOUNT),
        Source("dispute_resolutions", _by_account("disputes", "dispute_id")),
        Source("holds"),
        Source("hold_ends", _by("holds", "hold_id")),
        Source("reliefs", _ACCOUNT),
        Source("relief_events", _by_account("reliefs", "relief_id")),
        Source("payment_links", _ACCOUNT, "t.made_at"),
        Source("mandates", _ACCOUNT),
        Source("mandate_events", _by_account("mandates", "mandate_id")),
        Source("debits", _ACCOUNT),
        Source("debit_events", _by_account("debits", "debit_id")),
        Source("task_events", _by("tasks", "task_id")),
        Source("archived_runs", _by("journeys", "journey_id"), "t.archived_at"),
        Source("audit", _NAMED, "t.at"),
    )
}
"""By table, in the order in which the rows of one instant are chained."""

LEARNT_LATER = frozenset({"inbound", "answers", "task_events", "payments", "audit"})
"""Whose rows may become known to be a person's after they were chained: their entries stay where they are."""
