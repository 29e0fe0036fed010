"""what plans still lacked, and reliefs"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


KINDS = "kind IN ('made', 'moved', 'warned', 'kept', 'reopened', 'broken', 'lapsed', 'cancelled')"
OLD_KINDS = "kind IN ('made', 'moved', 'kept', 'reopened', 'broken', 'cancelled')"

RELIEFS = ("reliefs", "relief_events")
MONEY = sa.Numeric(precision=20, scale=4)


def upgrade() -> None:
    _agreements_up()
    _reliefs_up()


def downgrade() -> None:
    _reliefs_down()
    _agreements_down()


def _agreements_up() -> None:
    op.drop_constraint(op.f("agreement_events_kind_check"), "agreement_events")
    op.create_check_constraint(op.f("agreement_events_kind_check"), "agreement_events", KINDS)
    op.add_column(
        "agreements", sa.Column("replaces", sa.BigInteger(), nullable=True, comment="the promise that it renegotiates")
    )
    op.create_unique_constraint(op.f("agreements_replaces_key"), "agreements", ["replaces"])
    op.create_foreign_key(op.f("agreements_replaces_fk"), "agreements", "agreements", ["replaces"], ["id"])
    op.add_column(
        "agreements",
        sa.Column(
            "first_is_condition",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="without its first instalment in time it never began",
        ),
    )
    op.alter_column("agreement_instalments", "until", comment="steps wait until then, and it can be paid")
    op.add_column(
        "agreement_instalments",
        sa.Column(
            "warned_from",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the end of its grace, where it can still be made good",
        ),
    )
    op.add_column(
        "open_agreements",
        sa.Column(
            "warns_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the instalment that it waits for is missed",
        ),
    )
    op.create_index(
        "open_agreements_warns_idx",
        "open_agreements",
        ["creditor", "warns_at"],
        postgresql_where=sa.text("warns_at IS NOT NULL"),
    )
    op.create_table(
        "reminders",
        sa.Column("agreement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="of the instalment"),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="that found no provider"),
        sa.Column("contact_id", sa.BigInteger(), nullable=True, comment="the permit by which it is leaving"),
        sa.Column(
            "since", sa.DateTime(timezone=True), nullable=True, comment="when it was permitted, by the real clock"
        ),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("reminders_agreement_id_fk")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("reminders_contact_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("reminders_creditor_fk")),
        sa.PrimaryKeyConstraint("agreement_id", "number", name=op.f("reminders_pk")),
        comment="Instalments of which people are still to be reminded; a row is deleted with what came of it",
    )
    op.create_index("reminders_at_idx", "reminders", ["creditor", "at"], postgresql_where=sa.text("contact_id IS NULL"))
    op.create_index("reminders_leaving_idx", "reminders", ["since"], postgresql_where=sa.text("contact_id IS NOT NULL"))


def _agreements_down() -> None:
    op.drop_table("reminders")
    op.drop_index("open_agreements_warns_idx", "open_agreements")
    op.drop_column("open_agreements", "warns_at")
    op.drop_column("agreement_instalments", "warned_from")
    op.alter_column("agreement_instalments", "until", comment="the end of its grace: steps wait until then")
    op.drop_column("agreements", "first_is_condition")
    op.drop_column("agreements", "replaces")
    op.drop_constraint(op.f("agreement_events_kind_check"), "agreement_events")
    op.create_check_constraint(op.f("agreement_events_kind_check"), "agreement_events", OLD_KINDS)


def _reliefs_up() -> None:
    op.add_column(
        "creditors",
        sa.Column(
            "reliefs",
            postgresql.JSONB(),
            nullable=True,
            comment="journey.relief_rules.ReliefRules; none: no reliefs",
        ),
    )
    op.add_column(
        "dues",
        sa.Column(
            "filed_for",
            sa.Date(),
            nullable=True,
            comment="the date of the creditor's file, where a relief has moved it to due_date",
        ),
    )
    op.create_table(
        "reliefs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=True, comment="in which it was granted; none: none was open"),
        sa.Column("agreement_id", sa.BigInteger(), nullable=True, comment="the promise it depends on"),
        sa.Column("relief", sa.Text(), nullable=False, comment="the key of the creditor's rule"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("forgives", MONEY, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "terms",
            postgresql.JSONB(),
            nullable=False,
            comment="the rule as it was, the dues that it is about, what they were",
        ),
        sa.Column("role", sa.Text(), nullable=False, comment="by whose authority"),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command, so that it is there once"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("forgives >= 0", name=op.f("reliefs_forgives_check")),
        sa.CheckConstraint(
            "kind IN ('new_due_date', 'punctual_discount', 'interest_waived', 'refinancing')",
            name=op.f("reliefs_kind_check"),
        ),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("reliefs_creditor_fk")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("reliefs_account_id_fk")),
        sa.ForeignKeyConstraint(["journey_id"], ["journeys.id"], name=op.f("reliefs_journey_id_fk")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("reliefs_agreement_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("reliefs_pk")),
        sa.UniqueConstraint("agreement_id", name=op.f("reliefs_agreement_id_key")),
        sa.UniqueConstraint("key", name=op.f("reliefs_key_key")),
        comment="What was granted to accounts; never changed",
    )
    op.create_index(op.f("reliefs_account_id_idx"), "reliefs", ["account_id"], unique=False)
    op.create_table(
        "relief_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("relief_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True, comment="of the command, if one"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False, comment="the credits that it gave or took back"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('offered', 'accepted', 'kept', 'taken_back', 'lapsed', 'cancelled')",
            name=op.f("relief_events_kind_check"),
        ),
        sa.ForeignKeyConstraint(["relief_id"], ["reliefs.id"], name=op.f("relief_events_relief_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("relief_events_pk")),
        sa.UniqueConstraint("key", name=op.f("relief_events_key_key")),
        comment="What became of a relief: the last event says how it stands",
    )
    op.create_index(op.f("relief_events_relief_id_idx"), "relief_events", ["relief_id"], unique=False)
    for table in RELIEFS:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _reliefs_down() -> None:
    op.drop_table("relief_events")
    op.drop_table("reliefs")
    op.drop_column("dues", "filed_for")
    op.drop_column("creditors", "reliefs")
