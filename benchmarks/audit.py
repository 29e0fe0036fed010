"""How fast `senda audit verify` is: a million entries, made in a database of their own on a scratch Postgres.

`python -m benchmarks.audit [entries]`. Not part of `make bench`: it takes some minutes to prepare.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta

import psycopg

from compliance.closing import close_days
from compliance.roots import SigningKey
from compliance.sealing import seal
from compliance.verifying import Asked, verify
from ledger.database import Ledger
from ledger.migrate import upgrade
from senda.stack import scratch_postgres

A_PERSON = 20
"""Facts about each person."""

_MADE = """
ALTER TABLE journey_events DISABLE TRIGGER USER;
ALTER TABLE contacts DISABLE TRIGGER USER;
ALTER TABLE contact_events DISABLE TRIGGER USER;
ALTER TABLE postings DISABLE TRIGGER USER;
INSERT INTO playbooks (hash, content) VALUES ('h', '{{}}');
INSERT INTO people (key) SELECT 'p' || n FROM generate_series(1, {people}) n;
INSERT INTO creditors (key, name, pack, currency, time_zone, playbook) VALUES ('c', 'C', 'CO', 'COP', 'UTC', 'p');
INSERT INTO debtors (creditor, person_id, language, time_zones, addresses, authorised_channels)
    SELECT 'c', id, 'es', '{{UTC}}', '{{}}', '{{}}' FROM people;
INSERT INTO accounts (creditor, key, debtor_id, person_id, currency, facts)
    SELECT 'c', 'a' || id, id, person_id, 'COP', '{{}}' FROM debtors;
INSERT INTO journeys (id, account_id, person_id, creditor, account, episode, playbook_hash, hours, state, seq, due_date,
        opening_balance, currency, opened_at)
    SELECT 'journey:c:' || key || ':1', id, person_id, 'c', key, 1, 'h', '{{}}', '{{}}', 0, '2026-03-01', 1, 'COP',
        now() FROM accounts;
INSERT INTO journey_events (journey_id, key, kind, actor, data, at)
    SELECT 'journey:c:a' || n || ':1', 'k' || m, 'noted', 'senda', '{{"amount": "120000.00", "currency": "COP"}}', now()
    FROM generate_series(1, 8) m, generate_series(1, {people}) n;
INSERT INTO contacts (journey_id, person_id, creditor, account_id, step, occurrence, stage, attempt, channel, decision,
        rules, basis, decided_at)
    SELECT 'journey:c:a' || n || ':1', n, 'c', n, 's' || m, 's' || m || '@2026-03-01', 'administrative', 0, 'sms',
        'permitted', '{{}}', jsonb_build_object('packs', '["CO"]'::jsonb, 'case', repeat('x', 600), 'n', m), now()
    FROM generate_series(1, 4) m, generate_series(1, {people}) n;
INSERT INTO contact_events (contact_id, status, provider_ref, content_sha256, at)
    SELECT id, 'sent', md5(id::text), repeat('0', 64), now() FROM contacts;
INSERT INTO postings (account_id, kind, amount, currency, effective_at)
    SELECT n, 'adjustment', m, 'COP', now() FROM generate_series(1, 4) m, generate_series(1, {people}) n;
ANALYZE;
"""


async def _chain(url: str) -> None:
    async with Ledger(url) as ledger:
        while (await seal(ledger, batch=20_000)).sealed:
            pass
        key = SigningKey("bench:" + "A" * 43 + "=")
        for days in (1, 30):
            now = datetime.now(UTC) + timedelta(days=days)
            for _ in range(2):
                await close_days(ledger, key, now=now, settles=timedelta(0))


def main(entries: int) -> None:
    """Prepare, verify twice, print."""
    with scratch_postgres() as url:
        upgrade(url)
        started = time.perf_counter()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_MADE.format(people=entries // A_PERSON).encode())
        made = time.perf_counter()
        asyncio.run(_chain(url))
        chained = time.perf_counter()
        sys.stdout.write(f"made in {made - started:.0f} s, chained in {chained - made:.0f} s\n")
        for processes in (2, 1):
            began = time.perf_counter()
            report = verify(url, Asked(), processes=processes)
            seconds = time.perf_counter() - began
            sys.stdout.write(
                f"{report.entries:,} entries and {report.roots} roots over {entries // A_PERSON:,} people verified in "
                f"{seconds:.1f} s by {processes} processes; sound: {report.is_sound}\n"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
