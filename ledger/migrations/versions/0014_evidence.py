"""the chain of each person, closed each day by a signed root; why somebody looked"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

APPEND_ONLY = ("chain", "daily_roots")


def upgrade() -> None:
    op.add_column(
        "audit",
        sa.Column("reason", sa.Text(), nullable=True, comment="why, as whoever looked at a person's data said"),
    )
    op.create_table_comment(
        "audit",
        "Who did what, who looked at a person's data, and what was refused (invariant I10)",
        existing_comment="Who did what, and what was refused (invariant I10)",
    )
    _chain()
    _daily_roots()
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def _chain() -> None:
    op.create_table(
        "chain",
        sa.Column(
            "id", sa.BigInteger(), autoincrement=False, nullable=False, comment="1, 2, 3 … over all chains, no gap"
        ),
        sa.Column("person_id", sa.BigInteger(), nullable=False, comment="of people; 0: of nobody who is known"),
        sa.Column("seq", sa.BigInteger(), nullable=False, comment="1, 2, 3 … in the person's chain"),
        sa.Column("source", sa.Text(), nullable=False, comment="the table of the row"),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.SmallInteger(), nullable=False, comment="of how content and entry are hashed"),
        sa.Column("row_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "previous",
            sa.LargeBinary(),
            nullable=False,
            comment="the hash of the person's entry before; zeros: the first",
        ),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("chain_pk")),
        sa.UniqueConstraint("person_id", "seq", name=op.f("chain_person_id_seq_key")),
        sa.UniqueConstraint("source", "row_id", name=op.f("chain_source_row_id_key")),
        comment="A hash chain for each person (docs/evidence.md); recorded_at is the row's, by the real clock",
    )
    op.create_table(
        "chain_cursors",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column(
            "floor",
            sa.BigInteger(),
            server_default=sa.text("0"),
            nullable=False,
            comment="every row up to it is chained",
        ),
        sa.Column(
            "fence",
            sa.BigInteger(),
            nullable=True,
            comment="will be the floor once every transaction of fenced_at has ended",
        ),
        sa.Column("fence_xid", sa.BigInteger(), nullable=True, comment="of the transaction that set it"),
        sa.Column("fenced_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("source", name=op.f("chain_cursors_pk")),
        comment="How far each table is chained without a gap; spares looking at all of it again",
    )


def _daily_roots() -> None:
    op.create_table(
        "daily_roots",
        sa.Column("day", sa.Date(), nullable=False, comment="in UTC"),
        sa.Column("upto", sa.BigInteger(), nullable=False, comment="the last entry of chain that it covers"),
        sa.Column("leaves", sa.BigInteger(), nullable=False, comment="chains, by person"),
        sa.Column("root", sa.LargeBinary(), nullable=False, comment="of the Merkle tree over the heads of all chains"),
        sa.Column("previous", sa.LargeBinary(), nullable=False, comment="the root before; zeros: the first"),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False, comment="Ed25519"),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("daily_roots_pk")),
        comment="Each day's end, signed with the installation's key",
    )


def downgrade() -> None:
    op.drop_table("daily_roots")
    op.drop_table("chain_cursors")
    op.drop_table("chain")
    op.drop_column("audit", "reason")
    op.create_table_comment(
        "audit",
        "Who did what, and what was refused (invariant I10)",
        existing_comment="Who did what, who looked at a person's data, and what was refused (invariant I10)",
    )
