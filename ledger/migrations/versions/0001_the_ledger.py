"""the ledger"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "playbooks",
    "playbook_versions",
    "postings",
    "payments",
    "contacts",
    "contact_events",
    "journey_events",
    "import_errors",
    "audit",
)


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False, comment="the public part of the key"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("api_keys_pk")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False, comment="method and route template, never a filled path"),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_pk")),
        comment="Who did what, and what was refused (invariant I10)",
    )
    op.create_table(
        "creditors",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("pack", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("playbook", sa.Text(), nullable=False),
        sa.Column("test_clock", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("creditors_pk")),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("actor", "route", "key", name=op.f("idempotency_keys_pk")),
    )
    op.create_table(
        "import_errors",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("import_errors_pk")),
    )
    op.create_index("import_errors_row_idx", "import_errors", ["import_id", "row"], unique=False)
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("debtor", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        comment="Good rows on their way into the ledger; emptied when an import is done",
    )
    op.create_index("import_rows_row_idx", "import_rows", ["import_id", "row"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("outbox_pk")),
        comment="What the engine must still be told; a row is deleted once the engine has taken it",
    )
    op.create_table(
        "payments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reverses", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("payments_pk")),
        sa.UniqueConstraint("processor", "external_id", name=op.f("payments_processor_external_id_key")),
        comment="What a processor told. Applied where postings name it, otherwise unapplied",
    )
    op.create_index("payments_account_idx", "payments", ["creditor", "account"], unique=False)
    op.create_table(
        "people",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("people_pk")),
        sa.UniqueConstraint("key", name=op.f("people_key_key")),
        comment="A human being, one across creditors: the row that permits and payments lock",
    )
    op.create_table(
        "playbooks",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("playbooks_pk")),
    )
    op.create_table(
        "debtors",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("time_zones", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("addresses", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("authorised_channels", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("preferred_channel", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("debtors_creditor_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("debtors_person_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("debtors_pk")),
        sa.UniqueConstraint("creditor", "person_id", name=op.f("debtors_creditor_person_id_key")),
        comment="A person as one creditor knows it: name, addresses and authorisations are that creditor's",
    )
    op.create_index(op.f("debtors_person_id_idx"), "debtors", ["person_id"], unique=False)
    op.create_table(
        "imports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=True),
        sa.Column("rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("accepted", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("rejected", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("started", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "applied_to",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="last row merged",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("imports_creditor_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("imports_pk")),
    )
    op.create_table(
        "playbook_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["hash"], ["playbooks.hash"], name=op.f("playbook_versions_hash_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("playbook_versions_pk")),
        comment="The last version of a key is the one that new journeys follow (view current_playbooks)",
    )
    op.create_index(op.f("playbook_versions_key_idx"), "playbook_versions", ["key"], unique=False)
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("import_id", sa.Text(), nullable=True),
        sa.Column(
            "enters_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when its next journey starts; none: not by itself",
        ),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("accounts_creditor_fk")),
        sa.ForeignKeyConstraint(["debtor_id"], ["debtors.id"], name=op.f("accounts_debtor_id_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("accounts_person_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("accounts_pk")),
        sa.UniqueConstraint("creditor", "key", name=op.f("accounts_creditor_key_key")),
    )
    op.create_index(op.f("accounts_debtor_id_idx"), "accounts", ["debtor_id"], unique=False)
    op.create_index(
        "accounts_enters_at_idx",
        "accounts",
        ["creditor", "enters_at"],
        unique=False,
        postgresql_where=sa.text("enters_at IS NOT NULL"),
    )
    op.create_index(op.f("accounts_import_id_idx"), "accounts", ["import_id"], unique=False)
    op.create_index(op.f("accounts_person_id_idx"), "accounts", ["person_id"], unique=False)
    op.create_table(
        "dues",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("dues_account_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("dues_pk")),
        sa.UniqueConstraint("account_id", "key", name=op.f("dues_account_id_key_key")),
    )
    op.create_table(
        "journeys",
        sa.Column("id", sa.Text(), nullable=False, comment="the workflow's id"),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("playbook_hash", sa.Text(), nullable=False),
        sa.Column(
            "hours",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="policy.hours.ContactHours that its planning reckons with",
        ),
        sa.Column(
            "state",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="journey.state.JourneyState, written with each fact",
        ),
        sa.Column("seq", sa.Integer(), nullable=False, comment="of the last standing told"),
        sa.Column("closed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("next_stage", sa.Text(), nullable=True),
        sa.Column(
            "next_stage_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="from then on the stage is next_stage",
        ),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True, comment="when it has something to do next"),
        sa.Column("due_date", sa.Date(), nullable=False, comment="the oldest unpaid due date when it opened"),
        sa.Column("opening_balance", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "launched",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the engine has it",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("journeys_account_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("journeys_creditor_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("journeys_person_id_fk")),
        sa.ForeignKeyConstraint(["playbook_hash"], ["playbooks.hash"], name=op.f("journeys_playbook_hash_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("journeys_pk")),
        sa.UniqueConstraint("account_id", "episode", name=op.f("journeys_account_id_episode_key")),
    )
    op.create_index("journeys_list_idx", "journeys", ["creditor", "id"], unique=False)
    op.create_index(
        "journeys_open_idx", "journeys", ["account_id"], unique=True, postgresql_where=sa.text("NOT closed")
    )
    op.create_index(op.f("journeys_person_id_idx"), "journeys", ["person_id"], unique=False)
    op.create_index(
        "journeys_unlaunched_idx", "journeys", ["id"], unique=False, postgresql_where=sa.text("NOT launched")
    )
    op.create_index(
        "journeys_wake_idx",
        "journeys",
        ["creditor", "wake_at"],
        unique=False,
        postgresql_where=sa.text("NOT closed"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="refusals of one occurrence are numbered"),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it was skipped"),
        sa.Column("rules", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("next_allowed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "basis",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="the whole decision: packs, hashes, calendars, what was judged",
        ),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("contacts_account_id_fk")),
        sa.ForeignKeyConstraint(["journey_id"], ["journeys.id"], name=op.f("contacts_journey_id_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("contacts_person_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("contacts_pk")),
        sa.UniqueConstraint(
            "journey_id", "occurrence", "attempt", name=op.f("contacts_journey_id_occurrence_attempt_key")
        ),
        comment="Every decision on a contact. The partial unique index is invariant I2: one message a step",
    )
    op.create_index(op.f("contacts_journey_id_idx"), "contacts", ["journey_id"], unique=False)
    op.create_index(
        "contacts_permit_idx",
        "contacts",
        ["journey_id", "occurrence"],
        unique=True,
        postgresql_where=sa.text("decision = 'permitted'"),
    )
    op.create_index(
        "contacts_person_idx",
        "contacts",
        ["person_id", "decided_at"],
        unique=False,
        postgresql_where=sa.text("decision = 'permitted'"),
    )
    op.create_table(
        "journey_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="names the fact, so that it is recorded once"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["journey_id"], ["journeys.id"], name=op.f("journey_events_journey_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("journey_events_pk")),
        sa.UniqueConstraint("journey_id", "key", name=op.f("journey_events_journey_id_key_key")),
    )
    op.create_table(
        "postings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("due_id", sa.BigInteger(), nullable=True, comment="none: unapplied credit"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "amount",
            sa.Numeric(precision=20, scale=4),
            nullable=False,
            comment="owed is positive, paid is negative",
        ),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("payment_id", sa.BigInteger(), nullable=True),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(payment_id IS NULL) = (kind IN ('charge', 'adjustment'))", name=op.f("postings_payment_check")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("postings_account_id_fk")),
        sa.ForeignKeyConstraint(["due_id"], ["dues.id"], name=op.f("postings_due_id_fk")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name=op.f("postings_payment_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("postings_pk")),
    )
    op.create_index(op.f("postings_account_id_idx"), "postings", ["account_id"], unique=False)
    op.create_index(op.f("postings_due_id_idx"), "postings", ["due_id"], unique=False)
    op.create_index(op.f("postings_payment_id_idx"), "postings", ["payment_id"], unique=False)
    op.create_table(
        "contact_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=True),
        sa.Column("content_sha256", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True, comment="a stable code, never the provider's free text"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("contact_events_contact_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("contact_events_pk")),
    )
    op.create_index(op.f("contact_events_contact_id_idx"), "contact_events", ["contact_id"], unique=False)

    op.execute(
        """
        CREATE VIEW current_playbooks AS
        SELECT DISTINCT ON (v.key) v.key, v.hash, b.content
        FROM playbook_versions v JOIN playbooks b ON b.hash = v.hash ORDER BY v.key, v.id DESC"""
    )
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
        END $$"""
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.execute("DROP VIEW current_playbooks")
    op.drop_index(op.f("contact_events_contact_id_idx"), table_name="contact_events")
    op.drop_table("contact_events")
    op.drop_index(op.f("postings_payment_id_idx"), table_name="postings")
    op.drop_index(op.f("postings_due_id_idx"), table_name="postings")
    op.drop_index(op.f("postings_account_id_idx"), table_name="postings")
    op.drop_table("postings")
    op.drop_table("journey_events")
    op.drop_index("contacts_person_idx", table_name="contacts", postgresql_where=sa.text("decision = 'permitted'"))
    op.drop_index("contacts_permit_idx", table_name="contacts", postgresql_where=sa.text("decision = 'permitted'"))
    op.drop_index(op.f("contacts_journey_id_idx"), table_name="contacts")
    op.drop_table("contacts")
    op.drop_index("journeys_wake_idx", table_name="journeys", postgresql_where=sa.text("NOT closed"))
    op.drop_index("journeys_unlaunched_idx", table_name="journeys", postgresql_where=sa.text("NOT launched"))
    op.drop_index(op.f("journeys_person_id_idx"), table_name="journeys")
    op.drop_index("journeys_open_idx", table_name="journeys", postgresql_where=sa.text("NOT closed"))
    op.drop_index("journeys_list_idx", table_name="journeys")
    op.drop_table("journeys")
    op.drop_table("dues")
    op.drop_index(op.f("accounts_person_id_idx"), table_name="accounts")
    op.drop_index(op.f("accounts_import_id_idx"), table_name="accounts")
    op.drop_index("accounts_enters_at_idx", table_name="accounts", postgresql_where=sa.text("enters_at IS NOT NULL"))
    op.drop_index(op.f("accounts_debtor_id_idx"), table_name="accounts")
    op.drop_table("accounts")
    op.drop_index(op.f("playbook_versions_key_idx"), table_name="playbook_versions")
    op.drop_table("playbook_versions")
    op.drop_table("imports")
    op.drop_index(op.f("debtors_person_id_idx"), table_name="debtors")
    op.drop_table("debtors")
    op.drop_table("playbooks")
    op.drop_table("people")
    op.drop_index("payments_account_idx", table_name="payments")
    op.drop_table("payments")
    op.drop_table("outbox")
    op.drop_index("import_rows_row_idx", table_name="import_rows")
    op.drop_table("import_rows")
    op.drop_index("import_errors_row_idx", table_name="import_errors")
    op.drop_table("import_errors")
    op.drop_table("idempotency_keys")
    op.drop_table("creditors")
    op.drop_table("audit")
    op.drop_table("api_keys")
    op.execute("DROP FUNCTION refuse_change()")
