"""values that others publish: ceilings, units of account; how far late interest has accrued"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reference_values",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="CO.usury, CL.UF"),
        sa.Column(
            "since", sa.Date(), nullable=False, comment="the day from which it holds; of a ceiling, its month's first"
        ),
        sa.Column("value", sa.Numeric(precision=24, scale=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="where it is published"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("value > 0", name=op.f("reference_values_value_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("reference_values_pk")),
        comment="Values that others certify, as operators load them: the last entry of a key and day holds",
    )
    op.create_index("reference_values_key_idx", "reference_values", ["key", "since", "id"], unique=False)
    op.create_table(
        "accruals",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "through", sa.Date(), nullable=False, comment="the debtor's local day to whose end interest is posted"
        ),
        sa.Column(
            "values_through",
            sa.BigInteger(),
            nullable=False,
            comment="the last entry of its ceiling's reference values that was known then; 0: none",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("accruals_account_id_fk")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("accruals_pk")),
        comment="How far each account's late interest was last brought; an account without a row: never",
    )
    op.execute(
        "CREATE TRIGGER reference_values_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reference_values "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.drop_table("accruals")
    op.drop_table("reference_values")
