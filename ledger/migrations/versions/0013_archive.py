"""closed runs of the engine, kept for good"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archived_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("journey_id", sa.Text(), nullable=False, comment="the workflow's id"),
        sa.Column("first_run_id", sa.Text(), nullable=False, comment="of the chain that it belongs to"),
        sa.Column("previous_run_id", sa.Text(), nullable=True, comment="none: it is the first of its chain"),
        sa.Column(
            "next_run_id",
            sa.Text(),
            nullable=True,
            comment="in which it continued as new; none: it is the last of its chain",
        ),
        sa.Column("workflow_type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False, comment="compliance.histories.CLOSING"),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False, comment="compliance.archive.FORMAT"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the plain bytes"),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="the history, its payloads sealed, compressed"),
        sa.Column("archived_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("archived_runs_pk")),
        sa.UniqueConstraint("run_id", name=op.f("archived_runs_run_id_key")),
        comment="Histories of closed runs as the engine gave them; instants are the engine's",
    )
    op.create_index(op.f("archived_runs_journey_id_idx"), "archived_runs", ["journey_id"], unique=False)
    op.execute(
        "CREATE TRIGGER archived_runs_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON archived_runs "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "waiting_runs",
        sa.Column("journey_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False, comment="empty: the engine is still to say which one closed"),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "lost",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="the engine has forgotten it",
        ),
        sa.PrimaryKeyConstraint("journey_id", "run_id", name=op.f("waiting_runs_pk")),
        comment="Closed runs that are still to be archived; a row is deleted with that",
    )
    op.create_index("waiting_runs_closed_at_idx", "waiting_runs", ["closed_at"], unique=False)
    op.create_table(
        "archive_cursor",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "looked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="runs that closed before then are noted",
        ),
        sa.Column(
            "events_until", sa.BigInteger(), nullable=False, comment="journey_events up to this id were looked at"
        ),
        sa.CheckConstraint("id = 1", name=op.f("archive_cursor_one_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("archive_cursor_pk")),
        comment="How far the archive has looked for closed runs",
    )
    op.execute("INSERT INTO archive_cursor (id, events_until) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("archive_cursor")
    op.drop_table("waiting_runs")
    op.drop_table("archived_runs")
