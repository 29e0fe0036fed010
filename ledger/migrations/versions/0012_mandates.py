"""mandates, and the debits that are taken by them"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

APPEND_ONLY = ("mandates", "mandate_events", "debits", "debit_events")


def upgrade() -> None:
    _mandates()
    _debits()
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _mandates() -> None:
    op.create_table(
        "mandates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column(
            "reference", sa.Text(), nullable=False, comment="the processor's, a token: never the number of a card"
        ),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("most", sa.Numeric(precision=20, scale=4), nullable=True, comment="of a debit"),
        sa.Column("proof", sa.Text(), nullable=False, comment="where the debtor's word is kept"),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command, so that it is there once"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("most > 0", name=op.f("mandates_most_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("mandates_account_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("mandates_creditor_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("mandates_pk")),
        sa.UniqueConstraint("key", name=op.f("mandates_key_key")),
        comment="By which debtors let a processor take money",
    )
    op.create_index(op.f("mandates_account_id_idx"), "mandates", ["account_id"], unique=False)
    op.create_table(
        "mandate_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("mandate_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="why, where it was said"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("kind IN ('given', 'revoked')", name=op.f("mandate_events_kind_check")),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandates.id"], name=op.f("mandate_events_mandate_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("mandate_events_pk")),
        sa.UniqueConstraint("mandate_id", "kind", name=op.f("mandate_events_mandate_id_kind_key")),
        comment="A mandate that was revoked takes nothing any more",
    )
    op.add_column(
        "agreements",
        sa.Column("mandate_id", sa.BigInteger(), nullable=True, comment="by which its instalments are debited"),
    )
    op.create_foreign_key(op.f("agreements_mandate_id_fk"), "agreements", "mandates", ["mandate_id"], ["id"])


def _debits() -> None:
    op.create_table(
        "debits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("mandate_id", sa.BigInteger(), nullable=False),
        sa.Column("agreement_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="of the instalment"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="the processor takes it once"),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("debits_amount_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("debits_account_id_fk")),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("debits_agreement_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("debits_creditor_fk")),
        sa.ForeignKeyConstraint(["mandate_id"], ["mandates.id"], name=op.f("debits_mandate_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("debits_pk")),
        sa.UniqueConstraint("key", name=op.f("debits_key_key")),
        sa.UniqueConstraint("agreement_id", "number", "attempt", name=op.f("debits_agreement_id_number_attempt_key")),
        comment="What a processor was asked to take; the money itself comes as a payment",
    )
    op.create_index(op.f("debits_account_id_idx"), "debits", ["account_id"], unique=False)
    op.create_table(
        "debit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debit_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True, comment="why, stable"),
        sa.Column("reference", sa.Text(), nullable=True, comment="the payment's at the processor"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('asked', 'put_off', 'unanswered', 'taken', 'pending', 'failed')",
            name=op.f("debit_events_kind_check"),
        ),
        sa.ForeignKeyConstraint(["debit_id"], ["debits.id"], name=op.f("debit_events_debit_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("debit_events_pk")),
        comment="put_off: the processor certainly did not get it; unanswered: nobody knows; both are asked again",
    )
    op.create_index(op.f("debit_events_debit_id_idx"), "debit_events", ["debit_id"], unique=False)
    op.create_index(
        "debit_events_reference_idx",
        "debit_events",
        ["reference"],
        unique=False,
        postgresql_where=sa.text("kind = 'pending'"),
    )
    op.create_table(
        "planned_debits",
        sa.Column("agreement_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False, comment="of the instalment"),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("debit_id", sa.BigInteger(), nullable=True, comment="that was asked for and not answered"),
        sa.ForeignKeyConstraint(["agreement_id"], ["agreements.id"], name=op.f("planned_debits_agreement_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("planned_debits_creditor_fk")),
        sa.ForeignKeyConstraint(["debit_id"], ["debits.id"], name=op.f("planned_debits_debit_id_fk")),
        sa.PrimaryKeyConstraint("agreement_id", "number", name=op.f("planned_debits_pk")),
        sa.UniqueConstraint("debit_id", name=op.f("planned_debits_debit_id_key")),
        comment="Instalments that are still to be debited; a row is deleted with what came of it",
    )
    op.create_index("planned_debits_at_idx", "planned_debits", ["creditor", "at"], unique=False)


def downgrade() -> None:
    op.drop_table("planned_debits")
    op.drop_table("debit_events")
    op.drop_table("debits")
    op.drop_constraint("agreements_mandate_id_fk", "agreements", type_="foreignkey")
    op.drop_column("agreements", "mandate_id")
    op.drop_table("mandate_events")
    op.drop_table("mandates")
