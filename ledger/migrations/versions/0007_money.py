"""money backwards and late, in its parts: principal, interest, fees; credits without money"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APPEND_ONLY = ("credits", "credit_events")
MONEY = sa.Numeric(precision=20, scale=4)

KINDS = (
    "kind IN ('charge', 'adjustment', 'interest', 'fee', 'payment', 'reversal', 'chargeback', 'refund', "
    "'cancellation', 'credit_note', 'waiver', 'discount', 'write_off', 'undone', 'allocation')"
)
SOURCE = (
    "num_nonnulls(payment_id, credit_id) = "
    "CASE WHEN kind IN ('charge', 'adjustment', 'interest', 'fee') THEN 0 ELSE 1 END"
)


def upgrade() -> None:
    op.add_column(
        "creditors",
        sa.Column("money", postgresql.JSONB(), nullable=True, comment="journey.money.MoneyRules; none: the defaults"),
    )
    op.create_table(
        "credits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("due_id", sa.BigInteger(), nullable=True, comment="the due that it is meant for first"),
        sa.Column("components", sa.ARRAY(sa.Text()), nullable=False, comment="what of a due it may pay"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command, so that it is there once"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("credits_amount_check")),
        sa.CheckConstraint(
            "kind IN ('credit_note', 'waiver', 'discount', 'write_off')", name=op.f("credits_kind_check")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("credits_account_id_fk")),
        sa.ForeignKeyConstraint(["due_id"], ["dues.id"], name=op.f("credits_due_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("credits_pk")),
        sa.UniqueConstraint("key", name=op.f("credits_key_key")),
        comment="What lowers a debt without money: it counts from its event applied until it is undone",
    )
    op.create_index(op.f("credits_account_id_idx"), "credits", ["account_id"], unique=False)
    op.create_table(
        "credit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("credit_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="of the command"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('issued', 'applied', 'undone')", name=op.f("credit_events_kind_check")),
        sa.ForeignKeyConstraint(["credit_id"], ["credits.id"], name=op.f("credit_events_credit_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("credit_events_pk")),
        sa.UniqueConstraint("credit_id", "kind", name=op.f("credit_events_credit_id_kind_key")),
        sa.UniqueConstraint("key", "kind", name=op.f("credit_events_key_kind_key")),
        comment="What became of a credit: the last event says how it stands",
    )
    op.create_index(op.f("credit_events_credit_id_idx"), "credit_events", ["credit_id"], unique=False)
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    _payments()
    _postings()
    op.execute(
        """
        CREATE VIEW claims AS
        SELECT o.account_id, o.due_id, d.due_date, sum(o.amount) AS open,
            o.due_id IS NOT NULL AND sum(o.amount) > 0
                AND (NOT coalesce((c.money->>'principal_only')::boolean, false)
                    OR coalesce(sum(o.amount) FILTER (WHERE o.component = 'principal'), 0) > 0) AS claimed
        FROM postings o
        JOIN accounts a ON a.id = o.account_id
        JOIN creditors c ON c.key = a.creditor
        LEFT JOIN dues d ON d.id = o.due_id
        GROUP BY o.account_id, o.due_id, d.due_date, c.money"""
    )


def _payments() -> None:
    op.add_column(
        "payments", sa.Column("due", sa.Text(), nullable=True, comment="key of the due that it is meant for first")
    )
    op.create_check_constraint(
        op.f("payments_kind_check"),
        "payments",
        "kind IN ('payment', 'reversal', 'chargeback', 'refund', 'cancellation')",
    )
    op.create_check_constraint(op.f("payments_reverses_check"), "payments", "(kind = 'payment') = (reverses IS NULL)")


def _postings() -> None:
    op.add_column("postings", sa.Column("component", sa.Text(), nullable=True))
    op.add_column("postings", sa.Column("credit_id", sa.BigInteger(), nullable=True))
    op.add_column(
        "postings",
        sa.Column(
            "about",
            postgresql.JSONB(),
            nullable=True,
            comment="formula and inputs of what was reckoned; its month; what a fee is for",
        ),
    )
    op.alter_column("postings", "effective_at", comment="when it counts from", existing_nullable=False)
    op.alter_column("postings", "booked_at", comment="when it was known", existing_nullable=False)
    # The one change ever made to rows that stand: until now all that was owed was principal.
    op.execute("ALTER TABLE postings DISABLE TRIGGER postings_append_only")
    op.execute("UPDATE postings SET component = 'principal' WHERE due_id IS NOT NULL")
    op.execute("ALTER TABLE postings ENABLE TRIGGER postings_append_only")
    op.drop_constraint(op.f("postings_payment_check"), "postings", type_="check")
    op.create_check_constraint(op.f("postings_kind_check"), "postings", KINDS)
    op.create_check_constraint(op.f("postings_source_check"), "postings", SOURCE)
    op.create_check_constraint(
        op.f("postings_component_check"), "postings", "component IN ('fees', 'interest', 'principal')"
    )
    op.create_check_constraint(op.f("postings_place_check"), "postings", "(due_id IS NULL) = (component IS NULL)")
    op.create_foreign_key(op.f("postings_credit_id_fk"), "postings", "credits", ["credit_id"], ["id"])
    op.create_index(op.f("postings_credit_id_idx"), "postings", ["credit_id"], unique=False)
    op.execute(
        "COMMENT ON TABLE postings IS "
        "'What is owed and paid, by due and component; a balance is their sum (view claims)'"
    )


def downgrade() -> None:
    op.execute("DROP VIEW claims")
    for name in ("place", "component", "source", "kind"):
        op.drop_constraint(op.f(f"postings_{name}_check"), "postings", type_="check")
    for name in ("about", "credit_id", "component"):
        op.drop_column("postings", name)
    op.create_check_constraint(
        op.f("postings_payment_check"), "postings", "(payment_id IS NULL) = (kind IN ('charge', 'adjustment'))"
    )
    op.alter_column("postings", "effective_at", comment=None, existing_nullable=False)
    op.alter_column("postings", "booked_at", comment=None, existing_nullable=False)
    op.execute("COMMENT ON TABLE postings IS NULL")
    op.drop_constraint(op.f("payments_reverses_check"), "payments", type_="check")
    op.drop_constraint(op.f("payments_kind_check"), "payments", type_="check")
    op.drop_column("payments", "due")
    op.drop_table("credit_events")
    op.drop_table("credits")
    op.drop_column("creditors", "money")
