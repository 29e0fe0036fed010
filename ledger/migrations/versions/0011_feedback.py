"""holds by kind, and what is told to creditors' systems"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

APPEND_ONLY = ("holds", "hold_ends")


def upgrade() -> None:
    _holds()
    _feedback()
    for function in (QUEUE, CREDIT, OF_FACT, OF_POSTING):
        op.execute(function)
    op.execute(TRIGGERS)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _holds() -> None:
    op.create_table(
        "holds",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False, comment="the account that was named"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command; the hold's id in a standing"),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('requested', 'hardship', 'legal_hold', 'deceased', 'fraud')", name=op.f("holds_kind_check")
        ),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("holds_creditor_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("holds_person_id_fk")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("holds_account_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("holds_pk")),
        sa.UniqueConstraint("account_id", "key", name=op.f("holds_account_id_key_key")),
        comment="Pauses by people; deceased and fraud hold all accounts of the person at the creditor",
    )
    op.create_index("holds_person_idx", "holds", ["person_id", "creditor"], unique=False)
    op.create_table(
        "hold_ends",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("hold_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["hold_id"], ["holds.id"], name=op.f("hold_ends_hold_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("hold_ends_pk")),
        sa.UniqueConstraint("hold_id", name=op.f("hold_ends_hold_id_key")),
        comment="Holds that people lifted before their end",
    )
    op.execute(
        """
        INSERT INTO holds (creditor, person_id, account_id, kind, reason, key, starts, ends, actor, at, recorded_at)
        SELECT j.creditor, j.person_id, j.account_id, 'requested', e.data->>'reason', substr(e.key, 7),
            (e.data->>'from')::timestamptz, (e.data->>'until')::timestamptz, e.actor, e.at, e.recorded_at
        FROM journey_events e JOIN journeys j ON j.id = e.journey_id WHERE e.kind = 'paused' ORDER BY e.id"""
    )
    op.execute(
        """
        INSERT INTO hold_ends (hold_id, key, actor, at, recorded_at)
        SELECT h.id, substr(e.key, 8), e.actor, e.at, e.recorded_at
        FROM journey_events e JOIN journeys j ON j.id = e.journey_id
        JOIN holds h ON h.account_id = j.account_id AND h.key = e.data->>'pause'
        WHERE e.kind = 'resumed' ORDER BY e.id"""
    )


def _feedback() -> None:
    op.create_table(
        "creditor_webhooks",
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.ARRAY(sa.Text()), nullable=True, comment="types, or families as promise.*; none: all"),
        sa.Column("secrets", postgresql.JSONB(), nullable=False, comment="sealed, newest first, until when each signs"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="since a success"),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True, comment="until then nothing is tried"),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("creditor_webhooks_creditor_fk")),
        sa.PrimaryKeyConstraint("creditor", name=op.f("creditor_webhooks_pk")),
        comment="Where creditors' systems hear what happens to their accounts",
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "event",
            sa.Text(),
            server_default=sa.text("('evt_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text))"),
            nullable=False,
            comment="the webhook-id, the same each time",
        ),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True, comment="the row that it tells of, so that it is told once"),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, comment="by the business clock"),
        sa.Column("status", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "queued_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="anew by a replay",
        ),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True, comment="of HTTP; none: no answer"),
        sa.Column("last_error", sa.Text(), nullable=True, comment="a stable code"),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'dead')", name=op.f("feedback_status_check")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("feedback_creditor_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("feedback_person_id_fk")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("feedback_account_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("feedback_pk")),
        sa.UniqueConstraint("event", name=op.f("feedback_event_key")),
        sa.UniqueConstraint("source", name=op.f("feedback_source_key")),
        comment="What creditors' systems are told, in order of each person's events",
    )
    op.create_index("feedback_list_idx", "feedback", ["creditor", "id"], unique=False)
    op.create_index(
        "feedback_settled_idx", "feedback", ["queued_at"], unique=False, postgresql_where=sa.text("status <> 'pending'")
    )
    for name, columns in (("due", ["creditor", "next_at"]), ("order", ["person_id", "creditor", "id"])):
        op.create_index(
            f"feedback_{name}_idx", "feedback", columns, unique=False, postgresql_where=sa.text("status = 'pending'")
        )
    op.create_table(
        "credit_blocks",
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("credit_blocks_creditor_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("credit_blocks_person_id_fk")),
        sa.PrimaryKeyConstraint("creditor", "person_id", name=op.f("credit_blocks_pk")),
        comment="Of whom a creditor's system was last told that there is no new credit",
    )


QUEUE = """
CREATE FUNCTION queue_feedback(on_account bigint, about text, told_of text, happened timestamptz, told jsonb)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO feedback (creditor, person_id, account_id, type, source, at, data)
    SELECT a.creditor, a.person_id, a.id, about, told_of, happened, told || jsonb_build_object(
        'balance', (SELECT coalesce(sum(amount), 0)::text FROM postings WHERE account_id = a.id),
        'currency', a.currency)
    FROM accounts a JOIN creditor_webhooks w ON w.creditor = a.creditor
    WHERE a.id = on_account
        AND (w.events IS NULL OR about = ANY (w.events) OR split_part(about, '.', 1) || '.*' = ANY (w.events))
    ON CONFLICT (source) DO NOTHING
$$"""

# An account is past due while its journey is in a stage after the preventive one, and where people or the timeline
# ended its journey, while a due of before today is unpaid.
CREDIT = """
CREATE FUNCTION queue_credit(on_account bigint, happened timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    whom record;
    overdue boolean;
BEGIN
    SELECT a.person_id, a.creditor INTO whom FROM accounts a WHERE a.id = on_account;
    SELECT EXISTS (
        SELECT FROM accounts a
        JOIN debtors d ON d.id = a.debtor_id
        JOIN creditors c ON c.key = a.creditor
        JOIN LATERAL (SELECT closed, stage, outcome FROM journeys WHERE account_id = a.id
            ORDER BY episode DESC LIMIT 1) j ON true
        WHERE a.person_id = whom.person_id AND a.creditor = whom.creditor
            AND CASE WHEN NOT j.closed THEN j.stage <> 'preventive'
                WHEN j.outcome IN ('cured', 'paid') THEN false
                ELSE EXISTS (SELECT FROM claims s WHERE s.account_id = a.id AND s.claimed
                    AND s.due_date < (coalesce(c.test_clock, clock_timestamp())
                        AT TIME ZONE coalesce(d.time_zones[1], c.time_zone))::date) END)
    INTO overdue;
    IF overdue THEN
        INSERT INTO credit_blocks (creditor, person_id, since) VALUES (whom.creditor, whom.person_id, happened)
        ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM credit_blocks WHERE creditor = whom.creditor AND person_id = whom.person_id;
    END IF;
    IF FOUND THEN
        PERFORM queue_feedback(on_account, CASE WHEN overdue THEN 'credit.blocked' ELSE 'credit.released' END,
            NULL, happened, '{}');
    END IF;
END $$"""

OF_FACT = """
CREATE FUNCTION feedback_of_fact() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    journey record;
BEGIN
    SELECT j.id, j.account_id INTO journey
    FROM journeys j JOIN creditor_webhooks w ON w.creditor = j.creditor WHERE j.id = NEW.journey_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM queue_feedback(
        journey.account_id,
        CASE WHEN NEW.kind IN ('started', 'stage_entered', 'closed') THEN 'journey.' || NEW.kind
            ELSE regexp_replace(NEW.kind, '_', '.') END,
        'fact:' || NEW.id, NEW.at, NEW.data || jsonb_build_object('journey', journey.id));
    IF NEW.kind IN ('stage_entered', 'closed') THEN
        PERFORM queue_credit(journey.account_id, NEW.at);
    END IF;
    RETURN NULL;
END $$"""

OF_POSTING = """
CREATE FUNCTION feedback_of_posting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner record;
    paid record;
BEGIN
    SELECT coalesce(c.test_clock, clock_timestamp()) AS now INTO owner
    FROM accounts a JOIN creditor_webhooks w ON w.creditor = a.creditor JOIN creditors c ON c.key = a.creditor
    WHERE a.id = NEW.account_id;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF NEW.payment_id IS NOT NULL AND NEW.kind <> 'allocation' THEN
        SELECT p.*, (SELECT sum(o.amount) FROM postings o WHERE o.payment_id = p.id) AS change INTO paid
        FROM payments p WHERE p.id = NEW.payment_id;
        PERFORM queue_feedback(
            NEW.account_id, CASE WHEN paid.change > 0 THEN 'payment.reversed' ELSE 'payment.applied' END,
            'payment:' || paid.id, owner.now,
            jsonb_build_object('payment', paid.external_id, 'processor', paid.processor, 'kind', paid.kind,
                'amount', paid.amount::text, 'paid_at', paid.paid_at, 'reverses', paid.reverses));
    END IF;
    PERFORM queue_credit(NEW.account_id, owner.now);
    RETURN NULL;
END $$"""

# Deferred to the commit: balances and journeys are what they are then, and the person is still locked.
TRIGGERS = """
CREATE CONSTRAINT TRIGGER journey_events_feedback AFTER INSERT ON journey_events
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.kind IN ('started', 'stage_entered', 'closed')
    OR NEW.kind ~ '^(promise|plan|dispute|relief)_' AND NEW.kind !~ '_moved$')
EXECUTE FUNCTION feedback_of_fact();
CREATE CONSTRAINT TRIGGER postings_feedback AFTER INSERT ON postings
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.kind NOT IN ('charge', 'interest', 'fee'))
EXECUTE FUNCTION feedback_of_posting();"""


def downgrade() -> None:
    op.execute("DROP TRIGGER postings_feedback ON postings; DROP TRIGGER journey_events_feedback ON journey_events")
    op.execute("DROP FUNCTION feedback_of_posting, feedback_of_fact, queue_credit, queue_feedback")
    for table in ("credit_blocks", "feedback", "creditor_webhooks", "hold_ends", "holds"):
        op.drop_table(table)
