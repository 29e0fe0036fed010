"""packs kept by hash, preferences with evidence, permits that people ask for"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("packs", "pack_versions", "preferences")


def upgrade() -> None:
    op.create_table(
        "packs",
        sa.Column("hash", sa.Text(), nullable=False, comment="sha256 of what the pack says"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("memory_days", sa.Integer(), nullable=False, comment="how far back a log must reach for its rules"),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("packs_pk")),
        comment="Every pack that may have decided a contact, Senda's and the creditors' own: a decision names its hash",
    )
    op.create_table(
        "pack_versions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["hash"], ["packs.hash"], name=op.f("pack_versions_hash_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pack_versions_pk")),
        comment="Packs of creditors' own; the last version of a key is the one that holds (view current_packs)",
    )
    op.create_index(op.f("pack_versions_key_idx"), "pack_versions", ["key"])
    op.execute(
        """
        CREATE VIEW current_packs AS
        SELECT DISTINCT ON (v.key) v.key, v.hash, p.version, p.memory_days, p.content
        FROM pack_versions v JOIN packs p ON p.hash = v.hash ORDER BY v.key, v.id DESC"""
    )
    op.create_table(
        "preferences",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("creditor", sa.Text(), nullable=True, comment="none: said to all of them"),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("value", postgresql.JSONB(), nullable=False),
        sa.Column(
            "origin",
            sa.Text(),
            nullable=False,
            comment="by what way it was said; import: the creditor's file says so",
        ),
        sa.Column("document", sa.Text(), nullable=True, comment="reference of the proof"),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "subject IN ('file', 'channel', 'preferred_channel', 'preferred_hours', 'language', 'do_not_contact', "
            "'cease', 'attorney', 'requests')",
            name=op.f("preferences_subject_check"),
        ),
        sa.CheckConstraint("(channel IS NOT NULL) = (subject = 'channel')", name=op.f("preferences_channel_check")),
        sa.CheckConstraint("(origin = 'import') = (subject = 'file')", name=op.f("preferences_origin_check")),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name=op.f("preferences_person_id_fk")),
        sa.ForeignKeyConstraint(["creditor"], ["creditors.key"], name=op.f("preferences_creditor_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("preferences_pk")),
        comment="What people said about being contacted: the last entry of a subject that applies to a creditor holds",
    )
    op.create_index("preferences_person_idx", "preferences", ["person_id", "subject", "channel", "id"])
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.add_column(
        "creditors",
        sa.Column(
            "extra_packs",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="packs that apply beside it: a subdivision's, the creditor's own",
        ),
    )
    op.add_column(
        "debtors",
        sa.Column(
            "packs",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="packs of where the person lives, beside the creditor's",
        ),
    )
    _contacts_of_people()
    op.add_column("contact_events", sa.Column("actor", sa.Text(), server_default=sa.text("'senda'"), nullable=False))


def _contacts_of_people() -> None:
    comments = {
        "journey_id": "none: people asked, outside a journey",
        "step": "of the journey; none where people asked for the contact",
        "occurrence": None,
        "stage": None,
    }
    for name, comment in comments.items():
        op.alter_column("contacts", name, existing_type=sa.Text(), nullable=True, comment=comment)
    op.alter_column(
        "contacts",
        "attempt",
        existing_type=sa.Integer(),
        nullable=True,
        existing_comment="refusals of one occurrence are numbered",
    )
    op.alter_column(
        "contacts",
        "reason",
        existing_type=sa.Text(),
        existing_nullable=True,
        comment="why it was skipped, or refused where no rule of a pack refuses it",
    )
    op.add_column(
        "contacts",
        sa.Column("request", sa.Text(), nullable=True, comment="the request by which people asked for it"),
    )
    op.create_unique_constraint(op.f("contacts_request_key"), "contacts", ["request"])
    for name, default in (
        ("actor", "senda"),
        ("purpose", "collection"),
        ("role", "debtor"),
        ("direction", "outbound"),
    ):
        op.add_column("contacts", sa.Column(name, sa.Text(), server_default=sa.text(f"'{default}'"), nullable=False))
    op.create_check_constraint(op.f("contacts_direction_check"), "contacts", "direction IN ('outbound', 'inbound')")
    op.add_column(
        "contacts",
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="until when people may use their permit",
        ),
    )
    op.create_check_constraint(
        op.f("contacts_step_check"),
        "contacts",
        "CASE WHEN request IS NULL"
        " THEN journey_id IS NOT NULL AND num_nulls(step, occurrence, stage, attempt) = 0"
        " ELSE num_nulls(step, occurrence, stage, attempt) = 4 END",
    )


def downgrade() -> None:
    op.drop_column("contact_events", "actor")
    op.drop_constraint(op.f("contacts_step_check"), "contacts")
    op.drop_constraint(op.f("contacts_direction_check"), "contacts")
    op.drop_constraint(op.f("contacts_request_key"), "contacts")
    for name in ("expires_at", "direction", "role", "purpose", "actor", "request"):
        op.drop_column("contacts", name)
    for name in ("journey_id", "step", "occurrence", "stage"):
        op.alter_column("contacts", name, existing_type=sa.Text(), nullable=False)
    op.alter_column("contacts", "attempt", existing_type=sa.Integer(), nullable=False)
    op.drop_column("debtors", "packs")
    op.drop_column("creditors", "extra_packs")
    op.drop_table("preferences")
    op.execute("DROP VIEW current_packs")
    op.drop_table("pack_versions")
    op.drop_table("packs")
