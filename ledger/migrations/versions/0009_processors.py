"""what processors told, the payment links that they made, how bank files look"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

APPEND_ONLY = ("processor_events", "payment_links")


def upgrade() -> None:
    op.create_table(
        "processor_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False, comment="the processor's; of money, the id of the money"),
        sa.Column("type", sa.Text(), nullable=False, comment="the processor's word"),
        sa.Column(
            "code", sa.Text(), nullable=True, comment="why its money was not taken; none: it moves no money of ours"
        ),
        sa.Column("data", postgresql.JSONB(), nullable=True, comment="the money that was not taken"),
        sa.Column(
            "waits_for",
            sa.Text(),
            nullable=True,
            comment="the id of the money of the same processor that it takes back",
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("processor_events_pk")),
        sa.UniqueConstraint("processor", "event_id", name=op.f("processor_events_processor_event_id_key")),
        comment="What processors told that did not become a payment at once",
    )
    op.create_index(
        "processor_events_waiting_idx",
        "processor_events",
        ["processor", "waits_for"],
        unique=False,
        postgresql_where=sa.text("waits_for IS NOT NULL"),
    )
    op.create_table(
        "payment_links",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("processor", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False, comment="the processor's name for it"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=20, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("due", sa.Text(), nullable=True, comment="key of the due that it is for"),
        sa.Column("key", sa.Text(), nullable=False, comment="names the command, so that it is there once"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="by the processor's clock; none: it does not end",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("payment_links_amount_check")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("payment_links_account_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("payment_links_creditor_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("payment_links_pk")),
        sa.UniqueConstraint("key", name=op.f("payment_links_key_key")),
        sa.UniqueConstraint("processor", "link", name=op.f("payment_links_processor_link_key")),
        comment="Links that processors made; money that comes by one is its account's",
    )
    op.create_index(op.f("payment_links_account_id_idx"), "payment_links", ["account_id"], unique=False)
    op.create_table(
        "bank_mappings",
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("mapping", postgresql.JSONB(), nullable=False, comment="channels.processors.bank_file.BankMapping"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("put_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("bank_mappings_creditor_fk")),
        sa.PrimaryKeyConstraint("creditor", name=op.f("bank_mappings_pk")),
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for table in ("bank_mappings", "payment_links", "processor_events"):
        op.drop_table(table)
