"""promises, plans, disputes, and what a creditor allows of them"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

APPEND_ONLY = ("agreements", "agreement_instalments", "agreement_events", "disputes", "dispute_resolutions")


def upgrade() -> None:
    op.create_table(
        "agreements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "threshold", sa.Numeric(), nullable=False, comment="share of an instalment with which it counts as paid"
        ),
        sa.Column("after_posting", sa.BigInteger(), nullable=False, comment="payments booked later count for it"),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command, so that it is there once"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="by what way it was agreed: people, bot"),
        sa.Column(
            "beyond_limits",
            sa.Boolean(),
            nullable=False,
            comment="a supervisor agreed to more than the creditor's limits",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("agreements_account_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("agreements_creditor_fk")),
        sa.ForeignKeyConstraint(["journey_id"], ["journeys.id"], name=op.f("agreements_journey_id_fk")),
        sa.CheckConstraint("kind IN ('promise', 'plan')", name=op.f("agreements_kind_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("agreements_pk")),
        sa.UniqueConstraint("key", name=op.f("agreements_key_key")),
        comment="Promises to pay and payment plans as they were agreed; a promise is one of a single instalment",
    )
    op.create_index(op.f("agreements_account_id_idx"), "agreements", ["account_id"], unique=False)
    op.create_index(op.f("agreements_journey_id_idx"), "agreements", ["journey_id"], unique=False)
    op.create_index("agreements_list_idx", "agreements", ["creditor", "kind", "id"], unique=False)
    op.create_table(
        "disputes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command, so that it is there once"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False, comment="by what way it came: people, bot"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("disputes_account_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("disputes_creditor_fk")),
        sa.ForeignKeyConstraint(["journey_id"], ["journeys.id"], name=op.f("disputes_journey_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("disputes_pk")),
        sa.UniqueConstraint("key", name=op.f("disputes_key_key")),
        comment="What debtors say is wrong with a debt; open until it is resolved",
    )
    op.create_index(op.f("disputes_account_id_idx"), "disputes", ["account_id"], unique=False)
    op.create_index("disputes_list_idx", "disputes", ["creditor", "id"], unique=False)
    op.create_table(
        "agreement_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True, comment="of the command, where people gave one"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="until when steps wait for it, as of this event",
        ),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("agreement_events_agreement_id_fk")),
        sa.CheckConstraint(
            "kind IN ('made', 'moved', 'kept', 'reopened', 'broken', 'cancelled')",
            name=op.f("agreement_events_kind_check"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("agreement_events_pk")),
        sa.UniqueConstraint("key", name=op.f("agreement_events_key_key")),
        comment="What became of an agreement: the last event says how it stands",
    )
    op.create_index(op.f("agreement_events_agreement_id_idx"), "agreement_events", ["agreement_id"], unique=False)
    op.create_table(
        "agreement_instalments",
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column(
            "until", sa.DateTime(timezone=True), nullable=False, comment="the end of its grace: steps wait until then"
        ),
        sa.ForeignKeyConstraint(
            ["agreement_id"], ["agreements.id"], name=op.f("agreement_instalments_agreement_id_fk")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("agreement_instalments_amount_check")),
        sa.PrimaryKeyConstraint("agreement_id", "number", name=op.f("agreement_instalments_pk")),
    )
    op.create_table(
        "dispute_resolutions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("dispute_id", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["dispute_id"], ["disputes.id"], name=op.f("dispute_resolutions_dispute_id_fk")),
        sa.CheckConstraint(
            "outcome IN ('upheld', 'rejected', 'withdrawn')", name=op.f("dispute_resolutions_outcome_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("dispute_resolutions_pk")),
        sa.UniqueConstraint("dispute_id", name=op.f("dispute_resolutions_dispute_id_key")),
    )
    op.create_table(
        "open_agreements",
        sa.Column("agreement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("open_agreements_account_id_fk")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("open_agreements_agreement_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("open_agreements_creditor_fk")),
        sa.PrimaryKeyConstraint("agreement_id", name=op.f("open_agreements_pk")),
        comment="Agreements whose last event leaves them open; at `until` they are broken",
    )
    op.create_index(op.f("open_agreements_account_id_idx"), "open_agreements", ["account_id"], unique=False)
    op.create_index("open_agreements_until_idx", "open_agreements", ["creditor", "until"], unique=False)
    op.add_column(
        "creditors",
        sa.Column(
            "agreements", postgresql.JSONB(), nullable=True, comment="journey.limits.AgreementRules; none: the defaults"
        ),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    op.drop_column("creditors", "agreements")
    for table in (
        "dispute_resolutions",
        "disputes",
        "open_agreements",
        "agreement_events",
        "agreement_instalments",
        "agreements",
    ):
        op.drop_table(table)
