"""what plans still lacked, and reliefs"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


KINDS = "kind IN ('made', 'moved', 'warned', 'kept', 'reopened', 'broken', 'lapsed', 'cancelled')"
OLD_KINDS = "kind IN ('made', 'moved', 'kept', 'reopened', 'broken', 'cancelled')"


def upgrade() -> None:
    _agreements_up()


def downgrade() -> None:
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
        sa.Column(
            "tries", sa.Integer(), server_default=sa.text("0"), nullable=False, comment="that found no provider"
        ),
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
    op.create_index(
        "reminders_at_idx", "reminders", ["creditor", "at"], postgresql_where=sa.text("contact_id IS NULL")
    )
    op.create_index(
        "reminders_leaving_idx", "reminders", ["since"], postgresql_where=sa.text("contact_id IS NOT NULL")
    )


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
