"""channels both ways: providers of contacts, receipts, addresses that are none, what people write, conversations"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CONTACTS_BEFORE = "Every decision on a contact. The partial unique index is invariant I2: one message a step"
CONTACTS = (
    "Every decision on a contact. A trigger keeps invariant I2: no second permit of a step, unless the first failed"
)
APPEND_ONLY = ("invalid_addresses", "inbound", "answers")


def upgrade() -> None:
    op.add_column("creditors", sa.Column("pay_url", sa.Text(), nullable=True, comment="where to pay; {reference}"))
    op.add_column("debtors", sa.Column("document_last4", sa.Text(), nullable=True, comment="to identify the person"))
    op.add_column(
        "accounts",
        sa.Column(
            "reference",
            sa.Text(),
            server_default=sa.text("replace((gen_random_uuid())::text, '-'::text, ''::text)"),
            nullable=False,
            comment="names the account in links: says nothing to others",
        ),
    )
    op.create_unique_constraint(op.f("accounts_reference_key"), "accounts", ["reference"])
    op.create_index(
        "debtors_addresses_idx",
        "debtors",
        ["addresses"],
        postgresql_using="gin",
        postgresql_ops={"addresses": "jsonb_path_ops"},
    )
    op.add_column("contacts", sa.Column("provider", sa.Text(), nullable=True, comment="the provider that was to send"))
    op.add_column(
        "contacts",
        sa.Column("covered_by", sa.BigInteger(), nullable=True, comment="the message that spoke of this account, too"),
    )
    op.create_foreign_key(op.f("contacts_covered_by_fk"), "contacts", "contacts", ["covered_by"], ["id"])
    op.add_column(
        "contacts", sa.Column("address_sha256", sa.Text(), nullable=True, comment="of the address that it went to")
    )
    op.drop_index("contacts_permit_idx", table_name="contacts")
    op.create_index(
        "contacts_permit_idx",
        "contacts",
        ["journey_id", "occurrence"],
        postgresql_where=sa.text("decision = 'permitted'"),
    )
    op.execute(
        """
        CREATE FUNCTION refuse_second_message() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM contacts c WHERE c.journey_id = NEW.journey_id AND c.occurrence = NEW.occurrence
                AND c.decision = 'permitted' AND NOT EXISTS (
                    SELECT FROM contact_events e WHERE e.contact_id = c.id AND e.status = 'failed')) THEN
                RAISE EXCEPTION 'one message a step: % has a permit', NEW.occurrence USING ERRCODE = 'unique_violation';
            END IF;
            RETURN NEW;
        END $$"""
    )
    op.execute(
        """
        CREATE TRIGGER contacts_one_message BEFORE INSERT ON contacts FOR EACH ROW
        WHEN (NEW.decision = 'permitted' AND NEW.occurrence IS NOT NULL)
        EXECUTE FUNCTION refuse_second_message()"""
    )
    op.create_table_comment("contacts", CONTACTS, existing_comment=CONTACTS_BEFORE)
    op.create_index("contacts_address_idx", "contacts", ["address_sha256", "provider", "decided_at"])
    op.create_unique_constraint(
        op.f("contact_events_contact_id_status_actor_key"), "contact_events", ["contact_id", "status", "actor"]
    )
    op.create_index("contact_events_provider_ref_idx", "contact_events", ["provider_ref"])
    op.create_table(
        "invalid_addresses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address_sha256", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("invalid_addresses_contact_id_fk")),
        sa.ForeignKeyConstraint(["debtor_id"], ["debtors.id"], name=op.f("invalid_addresses_debtor_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("invalid_addresses_pk")),
        sa.UniqueConstraint(
            "debtor_id",
            "channel",
            "address_sha256",
            name=op.f("invalid_addresses_debtor_id_channel_address_sha256_key"),
        ),
        comment="Addresses at which nobody is. A file that brings another address makes the channel usable again",
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("address_sha256", sa.Text(), nullable=False),
        sa.Column("debtor_id", sa.BigInteger(), nullable=True),
        sa.Column("talk", postgresql.JSONB(), nullable=True, comment="channels.bot.Talk; none: not begun"),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["debtor_id"], ["debtors.id"], name=op.f("conversations_debtor_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("conversations_pk")),
        sa.UniqueConstraint("provider", "address_sha256", name=op.f("conversations_provider_address_sha256_key")),
        comment="How far a talk with the bot got, by provider and address",
    )
    op.create_table(
        "inbound",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("provider_ref", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=True),
        sa.Column("contact_id", sa.BigInteger(), nullable=True, comment="the inbound contact; none: a stranger"),
        sa.Column("answers", sa.BigInteger(), nullable=True, comment="the contact that it answers"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["answers"], ["contacts.id"], name=op.f("inbound_answers_fk")),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("inbound_contact_id_fk")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("inbound_conversation_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("inbound_pk")),
        sa.UniqueConstraint("provider", "provider_ref", name=op.f("inbound_provider_provider_ref_key")),
        comment="What people wrote, pressed or said",
    )
    op.create_index(op.f("inbound_conversation_id_idx"), "inbound", ["conversation_id"])
    op.create_table(
        "inbound_waiting",
        sa.Column("inbound_id", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("inbound_waiting_inbound_id_fk")),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("inbound_waiting_pk")),
        comment="What the bot has not answered yet; a row is deleted with the answer",
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("inbound_id", sa.BigInteger(), nullable=True),
        sa.Column("contact_id", sa.BigInteger(), nullable=True, comment="the permit by which it left"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("answers_contact_id_fk")),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"], name=op.f("answers_conversation_id_fk")),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("answers_inbound_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("answers_pk")),
        comment="What the bot answered, in its words",
    )
    op.create_index(op.f("answers_conversation_id_idx"), "answers", ["conversation_id"])
    op.create_table(
        "answers_leaving",
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("answers_leaving_contact_id_fk")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("answers_leaving_pk")),
        comment="Answers that are being sent; a row is deleted with what came of it",
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    for table in ("answers_leaving", "answers", "inbound_waiting", "inbound", "conversations", "invalid_addresses"):
        op.drop_table(table)
    op.drop_index("contact_events_provider_ref_idx", table_name="contact_events")
    op.drop_constraint(op.f("contact_events_contact_id_status_actor_key"), "contact_events")
    op.create_table_comment("contacts", CONTACTS_BEFORE, existing_comment=CONTACTS)
    op.drop_index("contacts_address_idx", table_name="contacts")
    op.execute("DROP TRIGGER contacts_one_message ON contacts")
    op.execute("DROP FUNCTION refuse_second_message()")
    op.drop_index("contacts_permit_idx", table_name="contacts")
    op.create_index(
        "contacts_permit_idx",
        "contacts",
        ["journey_id", "occurrence"],
        unique=True,
        postgresql_where=sa.text("decision = 'permitted'"),
    )
    for column in ("address_sha256", "covered_by", "provider"):
        op.drop_column("contacts", column)
    op.drop_index("debtors_addresses_idx", table_name="debtors")
    op.drop_column("accounts", "reference")
    op.drop_column("debtors", "document_last4")
    op.drop_column("creditors", "pay_url")
