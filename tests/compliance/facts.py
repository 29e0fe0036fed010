"""A database of a test's own with two facts of every kind about each of two people, as rows; chained on request."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import psycopg
from psycopg import sql

from compliance.sealing import Round, seal
from ledger.database import Ledger

AT = "'2026-03-02T15:00:00Z'"

SHARED = """
INSERT INTO creditors (key, name, pack, currency, time_zone, playbook) VALUES ('c', 'C', 'CO', 'COP', 'UTC', 'p');
INSERT INTO playbooks (hash, content) VALUES ('h', '{}');
"""

OF_A_PERSON = f"""
INSERT INTO people (key) VALUES ('$P');
INSERT INTO debtors (creditor, person_id, language, time_zones, addresses, authorised_channels)
    SELECT 'c', id, 'es', '{{UTC}}', '{{}}', '{{}}' FROM people WHERE key = '$P';
INSERT INTO accounts (creditor, key, debtor_id, person_id, currency, facts)
    SELECT 'c', '$P', id, person_id, 'COP', '{{}}' FROM debtors ORDER BY id DESC LIMIT 1;
INSERT INTO dues (account_id, key, due_date) SELECT id, '1', '2026-03-01' FROM accounts WHERE key = '$P';
INSERT INTO journeys (id, account_id, person_id, creditor, account, episode, playbook_hash, hours, state, seq, due_date,
        opening_balance, currency, opened_at)
    SELECT 'journey:c:$P:1', id, person_id, 'c', key, 1, 'h', '{{}}', '{{}}', 0, '2026-03-01', 1, 'COP', {AT}
    FROM accounts WHERE key = '$P';
INSERT INTO conversations (provider, address_sha256, debtor_id, updated_at)
    SELECT 'sms', '$P', id, {AT} FROM debtors ORDER BY id DESC LIMIT 1;
INSERT INTO tasks (key, kind, reason, creditor, person_id, created_at)
    SELECT '$P', 'case', 'other', 'c', id, {AT} FROM people WHERE key = '$P';
"""

FACTS = f"""
INSERT INTO preferences (person_id, subject, value, origin, stated_at, actor)
    SELECT p, 'cease', 'true', 'call', {AT}, 'Luisa' FROM who;
INSERT INTO payments (processor, external_id, kind, creditor, account, amount, currency, paid_at)
    SELECT 'generic', k, 'payment', 'c', a_key, 10, 'COP', {AT} FROM who;
INSERT INTO postings (account_id, due_id, kind, amount, currency, effective_at, component)
    SELECT a, d, 'charge', 10, 'COP', {AT}, 'principal' FROM who;
INSERT INTO credits (account_id, kind, amount, currency, components, reason, key, actor, effective_at)
    SELECT a, 'waiver', 1, 'COP', '{{interest}}', 'r', k, 'Luisa', {AT} FROM who;
INSERT INTO credit_events (credit_id, kind, key, actor, at)
    SELECT (SELECT id FROM credits WHERE key = k), 'issued', k, 'Luisa', {AT} FROM who;
INSERT INTO journey_events (journey_id, key, kind, actor, data, at)
    SELECT j, k, 'noted', 'senda', '{{"n": 1.10}}', {AT} FROM who;
INSERT INTO contacts (person_id, creditor, account_id, request, decision, rules, basis, decided_at)
    SELECT p, 'c', a, k, 'refused', '{{CO-01}}', '{{}}', {AT} FROM who;
INSERT INTO contact_events (contact_id, status, at)
    SELECT (SELECT id FROM contacts WHERE request = k), 'failed', {AT} FROM who;
INSERT INTO invalid_addresses (debtor_id, channel, address_sha256, code, at) SELECT b, 'sms', k, 'x', {AT} FROM who;
INSERT INTO inbound (provider, provider_ref, channel, conversation_id, address, text, at)
    SELECT 'sms', k, 'sms', v, '+573000000000', 'Hola, ¿cuánto debo?', {AT} FROM who;
INSERT INTO answers (conversation_id, text, at) SELECT v, 'Buenos días' || E'\\n\\t"\\\\', {AT} FROM who;
INSERT INTO agreements (kind, creditor, account_id, journey_id, currency, threshold, after_posting, key, actor, origin,
        beyond_limits, made_at, counts_from)
    SELECT 'promise', 'c', a, j, 'COP', 1, 0, k, 'Luisa', 'people', false, {AT}, {AT} FROM who;
INSERT INTO agreement_instalments (agreement_id, number, due_date, amount, until)
    SELECT (SELECT id FROM agreements WHERE key = k), 1, '2026-03-09', 10, {AT} FROM who;
INSERT INTO agreement_events (agreement_id, kind, actor, until, data, at)
    SELECT (SELECT id FROM agreements WHERE key = k), 'made', 'Luisa', {AT}, '{{}}', {AT} FROM who;
INSERT INTO disputes (creditor, account_id, journey_id, reason, key, actor, origin, opened_at)
    SELECT 'c', a, j, 'other', k, 'Luisa', 'people', {AT} FROM who;
INSERT INTO dispute_resolutions (dispute_id, outcome, key, actor, at)
    SELECT (SELECT id FROM disputes WHERE key = k), 'rejected', k, 'Luisa', {AT} FROM who;
INSERT INTO holds (creditor, person_id, account_id, kind, reason, key, starts, actor, at)
    SELECT 'c', p, a, 'hardship', 'r', k, {AT}, 'Luisa', {AT} FROM who;
INSERT INTO hold_ends (hold_id, key, actor, at)
    SELECT (SELECT id FROM holds WHERE key = k), k, 'Luisa', {AT} FROM who;
INSERT INTO reliefs (creditor, account_id, relief, kind, forgives, currency, terms, role, key, actor, made_at)
    SELECT 'c', a, 'r', 'interest_waived', 0, 'COP', '{{}}', 'supervisor', k, 'Luisa', {AT} FROM who;
INSERT INTO relief_events (relief_id, kind, actor, data, at)
    SELECT (SELECT id FROM reliefs WHERE key = k), 'offered', 'Luisa', '{{}}', {AT} FROM who;
INSERT INTO payment_links (creditor, account_id, processor, link, url, amount, currency, key, actor)
    SELECT 'c', a, 'generic', k, 'https://pagos.invalid/', 10, 'COP', k, 'Luisa' FROM who;
INSERT INTO mandates (creditor, account_id, processor, reference, currency, proof, key, actor, given_at)
    SELECT 'c', a, 'generic', 'tok', 'COP', 'rad-1', k, 'Luisa', {AT} FROM who;
INSERT INTO mandate_events (mandate_id, kind, actor, at)
    SELECT (SELECT id FROM mandates WHERE key = k), 'given', 'Luisa', {AT} FROM who;
INSERT INTO debits (creditor, account_id, mandate_id, agreement_id, number, attempt, processor, key, amount, currency,
        at)
    SELECT 'c', a, (SELECT id FROM mandates WHERE key = k), (SELECT id FROM agreements WHERE key = k), 1, 1, 'generic',
        k, 10, 'COP', {AT} FROM who;
INSERT INTO debit_events (debit_id, kind, at) SELECT (SELECT id FROM debits WHERE key = k), 'asked', {AT} FROM who;
INSERT INTO archived_runs (run_id, journey_id, first_run_id, workflow_type, status, started_at, closed_at, events,
        format, sha256, content)
    SELECT k, j, k, 'Journey', 'completed', {AT}, {AT}, 3, 'v1', k, decode('00ff', 'hex') FROM who;
INSERT INTO task_events (task_id, kind, actor, note, at) SELECT t, 'noted', 'Luisa', 'llamó', {AT} FROM who;
INSERT INTO audit (actor, role, action, subject, status)
    SELECT 'k1', 'compliance', 'GET /v1/debtors/{{key}}/preferences', a_key, 200 FROM who;
"""

WHO = """
CREATE TEMPORARY TABLE who ON COMMIT DROP AS
SELECT p.id AS p, b.id AS b, a.id AS a, a.key AS a_key, d.id AS d, j.id AS j, v.id AS v, t.id AS t,
    a.key || ':' || n || ':%s' AS k
FROM people p JOIN debtors b ON b.person_id = p.id JOIN accounts a ON a.debtor_id = b.id
JOIN dues d ON d.account_id = a.id JOIN journeys j ON j.account_id = a.id JOIN conversations v ON v.debtor_id = b.id
JOIN tasks t ON t.person_id = p.id CROSS JOIN generate_series(1, 2) n;
"""

PEOPLE = ("ana", "beto")


@contextmanager
def database(server: str, template: str | None = None) -> Generator[str]:
    """A database of its own on this server, dropped at the end."""
    name = f"chains_{uuid4().hex[:10]}"
    like = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}{}").format(sql.Identifier(name), like))
        try:
            yield server.rpartition("/")[0] + f"/{name}"
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def people(url: str) -> None:
    """Ana and Beto, each with an account, its journey, a conversation and a task."""
    with psycopg.connect(url) as connection:
        connection.execute(SHARED.encode())
        for person in PEOPLE:
            connection.execute(OF_A_PERSON.replace("$P", person).encode())


def happen(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Two more facts of each kind about each of them."""
    connection.execute((WHO % uuid4().hex).encode())
    connection.execute(FACTS.encode())


async def chain_all(url: str, **how: object) -> Sequence[Round]:
    """Rounds of the sealer until nothing is left."""
    rounds: list[Round] = []
    async with Ledger(url) as ledger:
        while not rounds or rounds[-1].sealed:
            rounds.append(await seal(ledger, **{"settles": timedelta(0), **how}))  # type: ignore[arg-type]
    return rounds
