"""tasks of people: cases, calls, what was done about them, a dialer's tries"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False, comment="names what asked for it, so that it is there once"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("person_id", sa.BigInteger(), nullable=True, comment="none: nobody knows who it is"),
        sa.Column("journey_id", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("occurrence", sa.Text(), nullable=True),
        sa.Column("conversation_id", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True, comment="the actor who works on it, or finished it"),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True, comment="how it was done, or why it was dropped"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('call', 'case')", name=op.f("tasks_kind_check")),
        sa.CheckConstraint("status IN ('open', 'claimed', 'done', 'dropped')", name=op.f("tasks_status_check")),
        sa.CheckConstraint("kind = 'case' OR account_id IS NOT NULL", name=op.f("tasks_call_check")),
        sa.CheckConstraint("status <> 'claimed' OR num_nulls(owner, claimed_at) = 0", name=op.f("tasks_owner_check")),
        sa.CheckConstraint("(status IN ('done', 'dropped')) = (done_at IS NOT NULL)", name=op.f("tasks_done_check")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("tasks_creditor_fk")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("tasks_account_id_fk")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("tasks_person_id_fk")),
        sa.ForeignKeyConstraint(["journey_id"], ["journeys.id"], name=op.f("tasks_journey_id_fk")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("tasks_conversation_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("tasks_pk")),
        sa.UniqueConstraint("key", name=op.f("tasks_key_key")),
        comment="What people are to do: calls, and cases that a machine cannot settle",
    )
    op.create_index(op.f("tasks_account_id_idx"), "tasks", ["account_id"])
    op.create_index(
        "tasks_unfinished_idx",
        "tasks",
        ["creditor", "kind"],
        postgresql_where=sa.text("status IN ('open', 'claimed')"),
    )
    op.create_table(
        "task_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True, comment="a stable code: a disposition, a reason"),
        sa.Column("note", sa.Text(), nullable=True, comment="what people wrote"),
        sa.Column("command", sa.Text(), nullable=True, comment="the request that wrote it, where it could be repeated"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "kind IN ('created', 'claimed', 'released', 'noted', 'done', 'dropped', 'reopened')",
            name=op.f("task_events_kind_check"),
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("task_events_task_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("task_events_pk")),
        sa.UniqueConstraint("command", name=op.f("task_events_command_key")),
        comment="What was done about a task, in order",
    )
    op.create_index(op.f("task_events_task_id_idx"), "task_events", ["task_id"])
    op.execute(
        "CREATE TRIGGER task_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON task_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "dials",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("task_id", sa.BigInteger(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False, comment="the request by which its permit is asked for"),
        sa.Column("batch", sa.Text(), nullable=False, comment="the command that took it"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("number_sha256", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True, comment="the decision on it"),
        sa.Column(
            "ended",
            sa.Text(),
            nullable=True,
            comment="a disposition; refused, void (never handed out), no_result; none: it is out",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("talk_seconds", sa.Integer(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("dials_task_id_fk")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("dials_contact_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("dials_pk")),
        sa.UniqueConstraint("request", name=op.f("dials_request_key")),
        sa.UniqueConstraint("contact_id", name=op.f("dials_contact_id_key")),
        comment="Tries of a call task by a dialer; one at a time",
    )
    op.create_index(op.f("dials_task_id_idx"), "dials", ["task_id"])
    op.create_index(op.f("dials_batch_idx"), "dials", ["batch"])
    op.create_index("dials_out_idx", "dials", ["task_id"], unique=True, postgresql_where=sa.text("ended IS NULL"))


def downgrade() -> None:
    for table in ("dials", "task_events", "tasks"):
        op.drop_table(table)
