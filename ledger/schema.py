"""The ledger's tables. Amounts are NUMERIC with a currency beside, instants are timestamptz, facts are append-only.

The migrations in `ledger/migrations` create them; a test compares the two.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fk",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

APPEND_ONLY = (
    "playbooks",
    "playbook_versions",
    "packs",
    "pack_versions",
    "preferences",
    "postings",
    "payments",
    "credits",
    "credit_events",
    "contacts",
    "contact_events",
    "invalid_addresses",
    "inbound",
    "answers",
    "journey_events",
    "import_errors",
    "audit",
    "task_events",
    "agreements",
    "agreement_instalments",
    "agreement_events",
    "disputes",
    "dispute_resolutions",
    "holds",
    "hold_ends",
    "reference_values",
    "processor_events",
    "payment_links",
    "reliefs",
    "relief_events",
    "mandates",
    "mandate_events",
    "debits",
    "debit_events",
    "archived_runs",
    "chain",
    "daily_roots",
)
"""Tables on which the database itself refuses UPDATE, DELETE and TRUNCATE (invariant I9)."""

Money = Numeric(20, 4)


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _instant(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable)


def _recorded(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


creditors = Table(
    "creditors",
    metadata,
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("pack", Text, nullable=False),
    Column(
        "extra_packs",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="packs that apply beside it: a subdivision's, the creditor's own",
    ),
    Column("currency", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("playbook", Text, nullable=False),
    Column("test_clock", DateTime(timezone=True)),
    _recorded("created_at"),
    Column("pay_url", Text, comment="where to pay; {reference}"),
    Column("agreements", JSONB, comment="journey.limits.AgreementRules; none: the defaults"),
    Column("money", JSONB, comment="journey.money.MoneyRules; none: the defaults"),
    Column("reliefs", JSONB, comment="journey.relief_rules.ReliefRules; none: no reliefs"),
)

playbooks = Table(
    "playbooks",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("content", JSONB, nullable=False),
    _recorded("created_at"),
)

playbook_versions = Table(
    "playbook_versions",
    metadata,
    _id(),
    Column("key", Text, nullable=False, index=True),
    Column("hash", Text, ForeignKey("playbooks.hash"), nullable=False),
    _recorded("created_at"),
    comment="The last version of a key is the one that new journeys follow (view current_playbooks)",
)

packs = Table(
    "packs",
    metadata,
    Column("hash", Text, primary_key=True, comment="sha256 of what the pack says"),
    Column("key", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("memory_days", Integer, nullable=False, comment="how far back a log must reach for its rules"),
    Column("content", JSONB, nullable=False),
    _recorded("created_at"),
    comment="Every pack that may have decided a contact, Senda's and the creditors' own: a decision names its hash",
)

pack_versions = Table(
    "pack_versions",
    metadata,
    _id(),
    Column("key", Text, nullable=False, index=True),
    Column("hash", Text, ForeignKey("packs.hash"), nullable=False),
    Column("actor", Text, nullable=False),
    _recorded("created_at"),
    comment="Packs of creditors' own; the last version of a key is the one that holds (view current_packs)",
)

people = Table(
    "people",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),
    comment="A human being, one across creditors: the row that permits and payments lock",
)

debtors = Table(
    "debtors",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False, index=True),
    Column("name", Text),
    Column("language", Text, nullable=False),
    Column("time_zones", ARRAY(Text), nullable=False),
    Column("addresses", JSONB, nullable=False),
    Column("authorised_channels", ARRAY(Text), nullable=False),
    Column("preferred_channel", Text),
    Column(
        "packs",
        ARRAY(Text),
        nullable=False,
        server_default=text("'{}'"),
        comment="packs of where the person lives, beside the creditor's",
    ),
    Column("document_last4", Text, comment="to identify the person"),
    UniqueConstraint("creditor", "person_id"),
    Index(
        "debtors_addresses_idx",
        "addresses",
        postgresql_using="gin",
        postgresql_ops={"addresses": "jsonb_path_ops"},
    ),
    comment="A person as one creditor knows it: name, addresses and authorisations are that creditor's",
)

preferences = Table(
    "preferences",
    metadata,
    _id(),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("creditor", Text, ForeignKey("creditors.key"), comment="none: said to all of them"),
    Column(
        "subject",
        Text,
        CheckConstraint(
            "subject IN ('file', 'channel', 'preferred_channel', 'preferred_hours', 'language', 'do_not_contact', "
            "'cease', 'attorney', 'requests')",
            name="subject",
        ),
        nullable=False,
    ),
    Column("channel", Text),
    Column("value", JSONB, nullable=False),
    Column("origin", Text, nullable=False, comment="by what way it was said; import: the creditor's file says so"),
    Column("document", Text, comment="reference of the proof"),
    _instant("stated_at"),
    Column("actor", Text, nullable=False),
    _recorded("recorded_at"),
    CheckConstraint("(channel IS NOT NULL) = (subject = 'channel')", name="channel"),
    CheckConstraint("(origin = 'import') = (subject = 'file')", name="origin"),
    Index("preferences_person_idx", "person_id", "subject", "channel", "id"),
    comment="What people said about being contacted: the last entry of a subject that applies to a creditor holds",
)

accounts = Table(
    "accounts",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("key", Text, nullable=False),
    Column("debtor_id", BigInteger, ForeignKey("debtors.id"), nullable=False, index=True),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False, index=True),
    Column("currency", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("import_id", Text, index=True),
    Column("enters_at", DateTime(timezone=True), comment="when its next journey starts; none: not by itself"),
    Column(
        "reference",
        Text,
        unique=True,
        nullable=False,
        server_default=text("replace((gen_random_uuid())::text, '-'::text, ''::text)"),
        comment="names the account in links: says nothing to others",
    ),
    UniqueConstraint("creditor", "key"),
    Index("accounts_enters_at_idx", "creditor", "enters_at", postgresql_where=text("enters_at IS NOT NULL")),
)

dues = Table(
    "dues",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("due_date", Date, nullable=False),
    Column("filed_for", Date, comment="the date of the creditor's file, where a relief has moved it to due_date"),
    UniqueConstraint("account_id", "key"),
)

payments = Table(
    "payments",
    metadata,
    _id(),
    Column("processor", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('payment', 'reversal', 'chargeback', 'refund', 'cancellation')", name="kind"),
        nullable=False,
    ),
    Column("creditor", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("amount", Money, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("paid_at", DateTime(timezone=True), nullable=False),
    Column("reverses", Text),
    _recorded("received_at"),
    Column("due", Text, comment="key of the due that it is meant for first"),
    CheckConstraint("(kind = 'payment') = (reverses IS NULL)", name="reverses"),
    UniqueConstraint("processor", "external_id"),
    Index("payments_account_idx", "creditor", "account"),
    comment="What a processor told. Applied where postings name it, otherwise unapplied",
)

postings = Table(
    "postings",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("due_id", BigInteger, ForeignKey("dues.id"), index=True, comment="none: unapplied credit"),
    Column(
        "kind",
        Text,
        CheckConstraint(
            "kind IN ('charge', 'adjustment', 'interest', 'fee', 'payment', 'reversal', 'chargeback', 'refund', "
            "'cancellation', 'credit_note', 'waiver', 'discount', 'write_off', 'undone', 'allocation')",
            name="kind",
        ),
        nullable=False,
    ),
    Column("amount", Money, nullable=False, comment="owed is positive, paid is negative"),
    Column("currency", Text, nullable=False),
    Column("payment_id", BigInteger, ForeignKey("payments.id"), index=True),
    Column("effective_at", DateTime(timezone=True), nullable=False, comment="when it counts from"),
    Column(
        "booked_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        comment="when it was known",
    ),
    Column("component", Text, CheckConstraint("component IN ('fees', 'interest', 'principal')", name="component")),
    Column("credit_id", BigInteger, ForeignKey("credits.id"), index=True),
    Column("about", JSONB, comment="formula and inputs of what was reckoned; its month; what a fee is for"),
    CheckConstraint("(due_id IS NULL) = (component IS NULL)", name="place"),
    CheckConstraint(
        "num_nonnulls(payment_id, credit_id) = "
        "CASE WHEN kind IN ('charge', 'adjustment', 'interest', 'fee') THEN 0 ELSE 1 END",
        name="source",
    ),
    comment="What is owed and paid, by due and component; a balance is their sum (view claims)",
)

credits = Table(
    "credits",
    metadata,
    _id(),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('credit_note', 'waiver', 'discount', 'write_off')", name="kind"),
        nullable=False,
    ),
    Column("amount", Money, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("due_id", BigInteger, ForeignKey("dues.id"), comment="the due that it is meant for first"),
    Column("components", ARRAY(Text), nullable=False, comment="what of a due it may pay"),
    Column("reason", Text, nullable=False),
    Column("key", Text, unique=True, nullable=False, comment="names the command, so that it is there once"),
    Column("actor", Text, nullable=False),
    _instant("effective_at"),
    _recorded("recorded_at"),
    comment="What lowers a debt without money: it counts from its event applied until it is undone",
)

credit_events = Table(
    "credit_events",
    metadata,
    _id(),
    Column("credit_id", BigInteger, ForeignKey("credits.id"), nullable=False, index=True),
    Column("kind", Text, CheckConstraint("kind IN ('issued', 'applied', 'undone')", name="kind"), nullable=False),
    Column("key", Text, nullable=False, comment="of the command"),
    Column("actor", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("credit_id", "kind"),
    UniqueConstraint("key", "kind"),
    comment="What became of a credit: the last event says how it stands",
)

journeys = Table(
    "journeys",
    metadata,
    Column("id", Text, primary_key=True, comment="the workflow's id"),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False, index=True),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account", Text, nullable=False),
    Column("episode", Integer, nullable=False),
    Column("playbook_hash", Text, ForeignKey("playbooks.hash"), nullable=False),
    Column("hours", JSONB, nullable=False, comment="policy.hours.ContactHours that its planning reckons with"),
    Column("state", JSONB, nullable=False, comment="journey.state.JourneyState, written with each fact"),
    Column("seq", Integer, nullable=False, comment="of the last standing told"),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    Column("stage", Text),
    Column("next_stage", Text),
    Column("next_stage_at", DateTime(timezone=True), comment="from then on the stage is next_stage"),
    Column("outcome", Text),
    Column("wake_at", DateTime(timezone=True), comment="when it has something to do next"),
    Column("due_date", Date, nullable=False, comment="the oldest unpaid due date when it opened"),
    Column("opening_balance", Money, nullable=False),
    Column("currency", Text, nullable=False),
    _instant("opened_at"),
    _instant("closed_at", nullable=True),
    Column("launched", Boolean, nullable=False, server_default=text("false"), comment="the engine has it"),
    UniqueConstraint("account_id", "episode"),
    Index("journeys_open_idx", "account_id", unique=True, postgresql_where=text("NOT closed")),
    Index("journeys_list_idx", "creditor", "id"),
    Index("journeys_wake_idx", "creditor", "wake_at", postgresql_where=text("NOT closed")),
    Index("journeys_unlaunched_idx", "id", postgresql_where=text("NOT launched")),
)

journey_events = Table(
    "journey_events",
    metadata,
    _id(),
    Column("journey_id", Text, ForeignKey("journeys.id"), nullable=False),
    Column("key", Text, nullable=False, comment="names the fact, so that it is recorded once"),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("journey_id", "key"),
)

contacts = Table(
    "contacts",
    metadata,
    _id(),
    Column("journey_id", Text, ForeignKey("journeys.id"), index=True, comment="none: people asked, outside a journey"),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("creditor", Text, nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column("step", Text, comment="of the journey; none where people asked for the contact"),
    Column("occurrence", Text),
    Column("stage", Text),
    Column("attempt", Integer, comment="refusals of one occurrence are numbered"),
    Column("request", Text, unique=True, comment="the request by which people asked for it"),
    Column("actor", Text, nullable=False, server_default=text("'senda'")),
    Column("channel", Text),
    Column("purpose", Text, nullable=False, server_default=text("'collection'")),
    Column("role", Text, nullable=False, server_default=text("'debtor'")),
    Column(
        "direction",
        Text,
        CheckConstraint("direction IN ('outbound', 'inbound')", name="direction"),
        nullable=False,
        server_default=text("'outbound'"),
    ),
    Column(
        "decision",
        Text,
        CheckConstraint("decision IN ('permitted', 'refused', 'skipped')", name="decision"),
        nullable=False,
    ),
    Column("reason", Text, comment="why it was skipped, or refused where no rule of a pack refuses it"),
    Column("rules", ARRAY(Text), nullable=False),
    Column("next_allowed_at", DateTime(timezone=True)),
    Column(
        "basis",
        JSONB,
        nullable=False,
        comment="the whole decision: packs, hashes, calendars, what was judged",
    ),
    _instant("decided_at"),
    Column("expires_at", DateTime(timezone=True), comment="until when people may use their permit"),
    _recorded("recorded_at"),
    Column("provider", Text, comment="the provider that was to send"),
    Column("covered_by", BigInteger, ForeignKey("contacts.id"), comment="the message that spoke of this account, too"),
    Column("address_sha256", Text, comment="of the address that it went to"),
    UniqueConstraint("journey_id", "occurrence", "attempt"),
    CheckConstraint(
        "CASE WHEN request IS NULL"
        " THEN journey_id IS NOT NULL AND num_nulls(step, occurrence, stage, attempt) = 0"
        " ELSE num_nulls(step, occurrence, stage, attempt) = 4 END",
        name="step",
    ),
    Index(
        "contacts_permit_idx",
        "journey_id",
        "occurrence",
        postgresql_where=text("decision = 'permitted'"),
    ),
    Index("contacts_person_idx", "person_id", "decided_at", postgresql_where=text("decision = 'permitted'")),
    Index("contacts_address_idx", "address_sha256", "provider", "decided_at"),
    comment="Every decision on a contact. A trigger keeps invariant I2: no second permit of a step, unless the first "
    "failed",
)

contact_events = Table(
    "contact_events",
    metadata,
    _id(),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), nullable=False, index=True),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('sent', 'failed', 'unknown', 'delivered', 'read', 'answered')", name="status"),
        nullable=False,
    ),
    Column("provider_ref", Text),
    Column("content_sha256", Text),
    Column("template", Text, comment="name.language@version: whose words these were"),
    Column("detail", Text, comment="a stable code, never the provider's free text"),
    Column("actor", Text, nullable=False, server_default=text("'senda'")),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("contact_id", "status", "actor"),
    Index("contact_events_provider_ref_idx", "provider_ref"),
)

invalid_addresses = Table(
    "invalid_addresses",
    metadata,
    _id(),
    Column("debtor_id", BigInteger, ForeignKey("debtors.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("address_sha256", Text, nullable=False),
    Column("contact_id", BigInteger, ForeignKey("contacts.id")),
    Column("code", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("debtor_id", "channel", "address_sha256"),
    comment="Addresses at which nobody is. A file that brings another address makes the channel usable again",
)

conversations = Table(
    "conversations",
    metadata,
    _id(),
    Column("provider", Text, nullable=False),
    Column("address_sha256", Text, nullable=False),
    Column("debtor_id", BigInteger, ForeignKey("debtors.id")),
    Column("talk", JSONB, comment="channels.bot.Talk; none: not begun"),
    _instant("updated_at"),
    UniqueConstraint("provider", "address_sha256"),
    comment="How far a talk with the bot got, by provider and address",
)

inbound = Table(
    "inbound",
    metadata,
    _id(),
    Column("provider", Text, nullable=False),
    Column("provider_ref", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("choice", Text),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), comment="the inbound contact; none: a stranger"),
    Column("answers", BigInteger, ForeignKey("contacts.id"), comment="the contact that it answers"),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("provider", "provider_ref"),
    comment="What people wrote, pressed or said",
)

inbound_waiting = Table(
    "inbound_waiting",
    metadata,
    Column("inbound_id", BigInteger, ForeignKey("inbound.id"), primary_key=True, autoincrement=False),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="What the bot has not answered yet; a row is deleted with the answer",
)

answers = Table(
    "answers",
    metadata,
    _id(),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False, index=True),
    Column("inbound_id", BigInteger, ForeignKey("inbound.id")),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), comment="the permit by which it left"),
    Column("text", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    comment="What the bot answered, in its words",
)

answers_leaving = Table(
    "answers_leaving",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), primary_key=True, autoincrement=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    comment="Answers that are being sent; a row is deleted with what came of it",
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("journey_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("message", JSONB, nullable=False),
    _recorded("created_at"),
    comment="What the engine must still be told; a row is deleted once the engine has taken it",
)

imports = Table(
    "imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("shape", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("rate", Integer),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("accepted", BigInteger, nullable=False, server_default=text("0")),
    Column("rejected", BigInteger, nullable=False, server_default=text("0")),
    Column("started", BigInteger, nullable=False, server_default=text("0")),
    Column("applied_to", BigInteger, nullable=False, server_default=text("0"), comment="last row merged"),
    _recorded("created_at"),
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import_id", Text, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("debtor", Text, nullable=False),
    Column("content", JSONB, nullable=False),
    Index("import_rows_row_idx", "import_id", "row"),
    comment="Good rows on their way into the ledger; emptied when an import is done",
)

import_errors = Table(
    "import_errors",
    metadata,
    _id(),
    Column("import_id", Text, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("field", Text),
    Column("code", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index("import_errors_row_idx", "import_id", "row"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True, comment="the public part of the key"),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False),
    _recorded("created_at"),
    Column("revoked_at", DateTime(timezone=True)),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("route", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("status", Integer),
    Column("answer", JSONB),
    _recorded("created_at"),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("actor", Text, nullable=False),
    Column("role", Text),
    Column("action", Text, nullable=False, comment="method and route template, never a filled path"),
    Column("subject", Text),
    Column("status", Integer, nullable=False),
    Column("code", Text),
    _recorded("at"),
    Column("reason", Text, comment="why, as whoever looked at a person's data said"),
    comment="Who did what, who looked at a person's data, and what was refused (invariant I10)",
)

tasks = Table(
    "tasks",
    metadata,
    _id(),
    Column("key", Text, unique=True, nullable=False, comment="names what asked for it, so that it is there once"),
    Column("kind", Text, CheckConstraint("kind IN ('call', 'case')", name="kind"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), index=True),
    Column("person_id", BigInteger, ForeignKey("people.id"), comment="none: nobody knows who it is"),
    Column("journey_id", Text, ForeignKey("journeys.id")),
    Column("step", Text),
    Column("occurrence", Text),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id")),
    _instant("not_before", nullable=True),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('open', 'claimed', 'done', 'dropped')", name="status"),
        nullable=False,
        server_default=text("'open'"),
    ),
    Column("owner", Text, comment="the actor who works on it, or finished it"),
    _instant("claimed_at", nullable=True),
    _instant("done_at", nullable=True),
    Column("disposition", Text, comment="how it was done, or why it was dropped"),
    _instant("created_at"),
    CheckConstraint("kind = 'case' OR account_id IS NOT NULL", name="call"),
    CheckConstraint("status <> 'claimed' OR num_nulls(owner, claimed_at) = 0", name="owner"),
    CheckConstraint("(status IN ('done', 'dropped')) = (done_at IS NOT NULL)", name="done"),
    Index("tasks_unfinished_idx", "creditor", "kind", postgresql_where=text("status IN ('open', 'claimed')")),
    comment="What people are to do: calls, and cases that a machine cannot settle",
)

task_events = Table(
    "task_events",
    metadata,
    _id(),
    Column("task_id", BigInteger, ForeignKey("tasks.id"), nullable=False, index=True),
    Column(
        "kind",
        Text,
        CheckConstraint(
            "kind IN ('created', 'claimed', 'released', 'noted', 'done', 'dropped', 'reopened')", name="kind"
        ),
        nullable=False,
    ),
    Column("actor", Text, nullable=False),
    Column("detail", Text, comment="a stable code: a disposition, a reason"),
    Column("note", Text, comment="what people wrote"),
    Column("command", Text, unique=True, comment="the request that wrote it, where it could be repeated"),
    _instant("at"),
    _recorded("recorded_at"),
    comment="What was done about a task, in order",
)

dials = Table(
    "dials",
    metadata,
    _id(),
    Column("task_id", BigInteger, ForeignKey("tasks.id"), nullable=False, index=True),
    Column("request", Text, unique=True, nullable=False, comment="the request by which its permit is asked for"),
    Column("batch", Text, nullable=False, index=True, comment="the command that took it"),
    Column("actor", Text, nullable=False),
    Column("number_sha256", Text, nullable=False),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), unique=True, comment="the decision on it"),
    Column("ended", Text, comment="a disposition; refused, void (never handed out), no_result; none: it is out"),
    _instant("ended_at", nullable=True),
    Column("talk_seconds", Integer),
    _recorded("recorded_at"),
    Index("dials_out_idx", "task_id", unique=True, postgresql_where=text("ended IS NULL")),
    comment="Tries of a call task by a dialer; one at a time",
)

agreements = Table(
    "agreements",
    metadata,
    _id(),
    Column("kind", Text, CheckConstraint("kind IN ('promise', 'plan')", name="kind"), nullable=False),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("journey_id", Text, ForeignKey("journeys.id"), nullable=False, index=True),
    Column("currency", Text, nullable=False),
    Column("threshold", Numeric, nullable=False, comment="share of an instalment with which it counts as paid"),
    Column("after_posting", BigInteger, nullable=False, comment="payments booked later count for it"),
    Column("key", Text, unique=True, nullable=False, comment="names the command, so that it is there once"),
    Column("actor", Text, nullable=False),
    Column("origin", Text, nullable=False, comment="by what way it was agreed: people, bot"),
    Column("beyond_limits", Boolean, nullable=False, comment="a supervisor agreed to more than the creditor's limits"),
    _instant("made_at"),
    _instant("counts_from"),
    _recorded("recorded_at"),
    Column(
        "replaces", BigInteger, ForeignKey("agreements.id"), unique=True, comment="the promise that it renegotiates"
    ),
    Column(
        "first_is_condition",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="without its first instalment in time it never began",
    ),
    Column("mandate_id", BigInteger, ForeignKey("mandates.id"), comment="by which its instalments are debited"),
    Index("agreements_list_idx", "creditor", "kind", "id"),
    comment="Promises to pay and payment plans as they were agreed; a promise is one of a single instalment",
)

agreement_instalments = Table(
    "agreement_instalments",
    metadata,
    Column("agreement_id", BigInteger, ForeignKey("agreements.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("due_date", Date, nullable=False),
    Column("amount", Money, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("until", DateTime(timezone=True), nullable=False, comment="steps wait until then, and it can be paid"),
    Column("warned_from", DateTime(timezone=True), comment="the end of its grace, where it can still be made good"),
)

agreement_events = Table(
    "agreement_events",
    metadata,
    _id(),
    Column("agreement_id", BigInteger, ForeignKey("agreements.id"), nullable=False, index=True),
    Column(
        "kind",
        Text,
        CheckConstraint(
            "kind IN ('made', 'moved', 'warned', 'kept', 'reopened', 'broken', 'lapsed', 'cancelled')", name="kind"
        ),
        nullable=False,
    ),
    Column("key", Text, unique=True, comment="of the command, where people gave one"),
    Column("actor", Text, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False, comment="until when steps wait for it, as of this event"),
    Column("data", JSONB, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    comment="What became of an agreement: the last event says how it stands",
)

open_agreements = Table(
    "open_agreements",
    metadata,
    Column("agreement_id", BigInteger, ForeignKey("agreements.id"), primary_key=True, autoincrement=False),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    _instant("until"),
    Column("warns_at", DateTime(timezone=True), comment="when the instalment that it waits for is missed"),
    Index("open_agreements_until_idx", "creditor", "until"),
    Index("open_agreements_warns_idx", "creditor", "warns_at", postgresql_where=text("warns_at IS NOT NULL")),
    comment="Agreements whose last event leaves them open; at `until` they are broken",
)

disputes = Table(
    "disputes",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("journey_id", Text, ForeignKey("journeys.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("key", Text, unique=True, nullable=False, comment="names the command, so that it is there once"),
    Column("actor", Text, nullable=False),
    Column("origin", Text, nullable=False, comment="by what way it came: people, bot"),
    _instant("opened_at"),
    _recorded("recorded_at"),
    Index("disputes_list_idx", "creditor", "id"),
    comment="What debtors say is wrong with a debt; open until it is resolved",
)

dispute_resolutions = Table(
    "dispute_resolutions",
    metadata,
    _id(),
    Column("dispute_id", BigInteger, ForeignKey("disputes.id"), unique=True, nullable=False),
    Column(
        "outcome",
        Text,
        CheckConstraint("outcome IN ('upheld', 'rejected', 'withdrawn')", name="outcome"),
        nullable=False,
    ),
    Column("key", Text, nullable=False),
    Column("actor", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
)

reference_values = Table(
    "reference_values",
    metadata,
    _id(),
    Column("key", Text, nullable=False, comment="CO.usury, CL.UF"),
    Column("since", Date, nullable=False, comment="the day from which it holds; of a ceiling, its month's first"),
    Column("value", Numeric(24, 10), CheckConstraint("value > 0", name="value"), nullable=False),
    Column("source", Text, nullable=False, comment="where it is published"),
    Column("actor", Text, nullable=False),
    _recorded("recorded_at"),
    Index("reference_values_key_idx", "key", "since", "id"),
    comment="Values that others certify, as operators load them: the last entry of a key and day holds",
)

accruals = Table(
    "accruals",
    metadata,
    Column("account_id", BigInteger, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("through", Date, nullable=False, comment="the debtor's local day to whose end interest is posted"),
    Column(
        "values_through",
        BigInteger,
        nullable=False,
        comment="the last entry of its ceiling's reference values that was known then; 0: none",
    ),
    comment="How far each account's late interest was last brought; an account without a row: never",
)

reminders = Table(
    "reminders",
    metadata,
    Column("agreement_id", BigInteger, ForeignKey("agreements.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="of the instalment"),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    _instant("at"),
    Column("tries", Integer, nullable=False, server_default=text("0"), comment="that found no provider"),
    Column("contact_id", BigInteger, ForeignKey("contacts.id"), comment="the permit by which it is leaving"),
    Column("since", DateTime(timezone=True), comment="when it was permitted, by the real clock"),
    Index("reminders_at_idx", "creditor", "at", postgresql_where=text("contact_id IS NULL")),
    Index("reminders_leaving_idx", "since", postgresql_where=text("contact_id IS NOT NULL")),
    comment="Instalments of which people are still to be reminded; a row is deleted with what came of it",
)

holds = Table(
    "holds",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, comment="the account that was named"),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('requested', 'hardship', 'legal_hold', 'deceased', 'fraud')", name="kind"),
        nullable=False,
    ),
    Column("reason", Text, nullable=False),
    Column("key", Text, nullable=False, comment="names the command; the hold's id in a standing"),
    _instant("starts"),
    _instant("ends", nullable=True),
    Column("actor", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("account_id", "key"),
    Index("holds_person_idx", "person_id", "creditor"),
    comment="Pauses by people; deceased and fraud hold all accounts of the person at the creditor",
)

hold_ends = Table(
    "hold_ends",
    metadata,
    _id(),
    Column("hold_id", BigInteger, ForeignKey("holds.id"), unique=True, nullable=False),
    Column("key", Text, nullable=False, comment="names the command"),
    Column("actor", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    comment="Holds that people lifted before their end",
)

creditor_webhooks = Table(
    "creditor_webhooks",
    metadata,
    Column("creditor", Text, ForeignKey("creditors.key"), primary_key=True),
    Column("url", Text, nullable=False),
    Column("events", ARRAY(Text), comment="types, or families as promise.*; none: all"),
    Column("secrets", JSONB, nullable=False, comment="sealed, newest first, until when each signs"),
    _recorded("created_at"),
    Column("failures", Integer, nullable=False, server_default=text("0"), comment="since a success"),
    Column("retry_at", DateTime(timezone=True), comment="until then nothing is tried"),
    comment="Where creditors' systems hear what happens to their accounts",
)

feedback = Table(
    "feedback",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("person_id", BigInteger, ForeignKey("people.id"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False),
    Column(
        "event",
        Text,
        unique=True,
        nullable=False,
        server_default=text("('evt_'::text || replace((gen_random_uuid())::text, '-'::text, ''::text))"),
        comment="the webhook-id, the same each time",
    ),
    Column("type", Text, nullable=False),
    Column("source", Text, unique=True, comment="the row that it tells of, so that it is told once"),
    Column("data", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, comment="by the business clock"),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('pending', 'delivered', 'dead')", name="status"),
        nullable=False,
        server_default=text("'pending'"),
    ),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column(
        "queued_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=func.now(),
        comment="anew by a replay",
    ),
    Column("next_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("last_status", Integer, comment="of HTTP; none: no answer"),
    Column("last_error", Text, comment="a stable code"),
    Column("delivered_at", DateTime(timezone=True)),
    Index("feedback_list_idx", "creditor", "id"),
    Index("feedback_settled_idx", "queued_at", postgresql_where=text("status <> 'pending'")),
    Index("feedback_due_idx", "creditor", "next_at", postgresql_where=text("status = 'pending'")),
    Index("feedback_order_idx", "person_id", "creditor", "id", postgresql_where=text("status = 'pending'")),
    comment="What creditors' systems are told, in order of each person's events",
)

credit_blocks = Table(
    "credit_blocks",
    metadata,
    Column("creditor", Text, ForeignKey("creditors.key"), primary_key=True),
    Column("person_id", BigInteger, ForeignKey("people.id"), primary_key=True, autoincrement=False),
    _instant("since"),
    comment="Of whom a creditor's system was last told that there is no new credit",
)

# Payment processors: what they told that is no posting, the links that they made, how a creditor's bank files look

processor_events = Table(
    "processor_events",
    metadata,
    _id(),
    Column("processor", Text, nullable=False),
    Column("event_id", Text, nullable=False, comment="the processor's; of money, the id of the money"),
    Column("type", Text, nullable=False, comment="the processor's word"),
    Column("code", Text, comment="why its money was not taken; none: it moves no money of ours"),
    Column("data", JSONB, comment="the money that was not taken"),
    Column("waits_for", Text, comment="the id of the money of the same processor that it takes back"),
    _recorded("received_at"),
    UniqueConstraint("processor", "event_id"),
    Index("processor_events_waiting_idx", "processor", "waits_for", postgresql_where=text("waits_for IS NOT NULL")),
    comment="What processors told that did not become a payment at once",
)

payment_links = Table(
    "payment_links",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("processor", Text, nullable=False),
    Column("link", Text, nullable=False, comment="the processor's name for it"),
    Column("url", Text, nullable=False),
    Column("amount", Money, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("due", Text, comment="key of the due that it is for"),
    Column("key", Text, unique=True, nullable=False, comment="names the command, so that it is there once"),
    Column("actor", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), comment="by the processor's clock; none: it does not end"),
    _recorded("made_at"),
    UniqueConstraint("processor", "link"),
    comment="Links that processors made; money that comes by one is its account's",
)

bank_mappings = Table(
    "bank_mappings",
    metadata,
    Column("creditor", Text, ForeignKey("creditors.key"), primary_key=True),
    Column("mapping", JSONB, nullable=False, comment="channels.processors.bank_file.BankMapping"),
    Column("actor", Text, nullable=False),
    _recorded("put_at"),
)

# Reliefs: what was granted to an account, and what became of it

reliefs = Table(
    "reliefs",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("journey_id", Text, ForeignKey("journeys.id"), comment="in which it was granted; none: none was open"),
    Column("agreement_id", BigInteger, ForeignKey("agreements.id"), unique=True, comment="the promise it depends on"),
    Column("relief", Text, nullable=False, comment="the key of the creditor's rule"),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('new_due_date', 'punctual_discount', 'interest_waived', 'refinancing')", name="kind"),
        nullable=False,
    ),
    Column("forgives", Money, CheckConstraint("forgives >= 0", name="forgives"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("terms", JSONB, nullable=False, comment="the rule as it was, the dues that it is about, what they were"),
    Column("role", Text, nullable=False, comment="by whose authority"),
    Column("key", Text, unique=True, nullable=False, comment="names the command, so that it is there once"),
    Column("actor", Text, nullable=False),
    _instant("made_at"),
    _recorded("recorded_at"),
    comment="What was granted to accounts; never changed",
)

relief_events = Table(
    "relief_events",
    metadata,
    _id(),
    Column("relief_id", BigInteger, ForeignKey("reliefs.id"), nullable=False, index=True),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('offered', 'accepted', 'kept', 'taken_back', 'lapsed', 'cancelled')", name="kind"),
        nullable=False,
    ),
    Column("key", Text, unique=True, comment="of the command, if one"),
    Column("actor", Text, nullable=False),
    Column("data", JSONB, nullable=False, comment="the credits that it gave or took back"),
    _instant("at"),
    _recorded("recorded_at"),
    comment="What became of a relief: the last event says how it stands",
)

# Mandates, and the debits that are taken by them

mandates = Table(
    "mandates",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("processor", Text, nullable=False),
    Column("reference", Text, nullable=False, comment="the processor's, a token: never the number of a card"),
    Column("currency", Text, nullable=False),
    Column("most", Money, CheckConstraint("most > 0", name="most"), comment="of a debit"),
    Column("proof", Text, nullable=False, comment="where the debtor's word is kept"),
    Column("key", Text, unique=True, nullable=False, comment="names the command, so that it is there once"),
    Column("actor", Text, nullable=False),
    _instant("given_at"),
    _recorded("recorded_at"),
    comment="By which debtors let a processor take money",
)

mandate_events = Table(
    "mandate_events",
    metadata,
    _id(),
    Column("mandate_id", BigInteger, ForeignKey("mandates.id"), nullable=False),
    Column("kind", Text, CheckConstraint("kind IN ('given', 'revoked')", name="kind"), nullable=False),
    Column("reason", Text, comment="why, where it was said"),
    Column("actor", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("mandate_id", "kind"),
    comment="A mandate that was revoked takes nothing any more",
)

debits = Table(
    "debits",
    metadata,
    _id(),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    Column("account_id", BigInteger, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("mandate_id", BigInteger, ForeignKey("mandates.id"), nullable=False),
    Column("agreement_id", BigInteger, ForeignKey("agreements.id"), nullable=False),
    Column("number", Integer, nullable=False, comment="of the instalment"),
    Column("attempt", Integer, nullable=False),
    Column("processor", Text, nullable=False),
    Column("key", Text, unique=True, nullable=False, comment="the processor takes it once"),
    Column("amount", Money, CheckConstraint("amount > 0", name="amount"), nullable=False),
    Column("currency", Text, nullable=False),
    _instant("at"),
    _recorded("recorded_at"),
    UniqueConstraint("agreement_id", "number", "attempt"),
    comment="What a processor was asked to take; the money itself comes as a payment",
)

debit_events = Table(
    "debit_events",
    metadata,
    _id(),
    Column("debit_id", BigInteger, ForeignKey("debits.id"), nullable=False, index=True),
    Column(
        "kind",
        Text,
        CheckConstraint("kind IN ('asked', 'put_off', 'unanswered', 'taken', 'pending', 'failed')", name="kind"),
        nullable=False,
    ),
    Column("code", Text, comment="why, stable"),
    Column("reference", Text, comment="the payment's at the processor"),
    _instant("at"),
    _recorded("recorded_at"),
    Index("debit_events_reference_idx", "reference", postgresql_where=text("kind = 'pending'")),
    comment="put_off: the processor certainly did not get it; unanswered: nobody knows; both are asked again",
)

planned_debits = Table(
    "planned_debits",
    metadata,
    Column("agreement_id", BigInteger, ForeignKey("agreements.id"), primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False, comment="of the instalment"),
    Column("creditor", Text, ForeignKey("creditors.key"), nullable=False),
    _instant("at"),
    Column("debit_id", BigInteger, ForeignKey("debits.id"), unique=True, comment="that was asked for and not answered"),
    Index("planned_debits_at_idx", "creditor", "at"),
    comment="Instalments that are still to be debited; a row is deleted with what came of it",
)

# Evidence: each person's chain over all facts about them, closed each day by a signed root

chain = Table(
    "chain",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="1, 2, 3 … over all chains, no gap"),
    Column("person_id", BigInteger, nullable=False, comment="of people; 0: of nobody who is known"),
    Column("seq", BigInteger, nullable=False, comment="1, 2, 3 … in the person's chain"),
    Column("source", Text, nullable=False, comment="the table of the row"),
    Column("row_id", BigInteger, nullable=False),
    _instant("recorded_at", nullable=True),
    Column("version", SmallInteger, nullable=False, comment="of how content and entry are hashed"),
    Column("row_hash", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False, comment="the hash of the person's entry before; zeros: the first"),
    Column("hash", LargeBinary, nullable=False),
    UniqueConstraint("person_id", "seq"),
    UniqueConstraint("source", "row_id"),
    comment="A hash chain for each person (docs/evidence.md); recorded_at is the row's, by the real clock",
)

chain_cursors = Table(
    "chain_cursors",
    metadata,
    Column("source", Text, primary_key=True),
    Column("floor", BigInteger, nullable=False, server_default=text("0"), comment="every row up to it is chained"),
    Column("fence", BigInteger, comment="will be the floor once every transaction of fenced_at has ended"),
    Column("fence_xid", BigInteger, comment="of the transaction that set it"),
    _instant("fenced_at", nullable=True),
    comment="How far each table is chained without a gap; spares looking at all of it again",
)

daily_roots = Table(
    "daily_roots",
    metadata,
    Column("day", Date, primary_key=True, comment="in UTC"),
    Column("upto", BigInteger, nullable=False, comment="the last entry of chain that it covers"),
    Column("leaves", BigInteger, nullable=False, comment="chains, by person"),
    Column("root", LargeBinary, nullable=False, comment="of the Merkle tree over the heads of all chains"),
    Column("previous", LargeBinary, nullable=False, comment="the root before; zeros: the first"),
    Column("key_id", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False, comment="Ed25519"),
    Column("signature", LargeBinary, nullable=False),
    _instant("closed_at"),
    comment="Each day's end, signed with the installation's key",
)

# The archive: closed runs of the engine, kept for good

archived_runs = Table(
    "archived_runs",
    metadata,
    _id(),
    Column("run_id", Text, unique=True, nullable=False),
    Column("journey_id", Text, nullable=False, index=True, comment="the workflow's id"),
    Column("first_run_id", Text, nullable=False, comment="of the chain that it belongs to"),
    Column("previous_run_id", Text, comment="none: it is the first of its chain"),
    Column("next_run_id", Text, comment="in which it continued as new; none: it is the last of its chain"),
    Column("workflow_type", Text, nullable=False),
    Column("status", Text, nullable=False, comment="compliance.histories.CLOSING"),
    _instant("started_at"),
    _instant("closed_at"),
    Column("events", Integer, nullable=False),
    Column("format", Text, nullable=False, comment="compliance.archive.FORMAT"),
    Column("sha256", Text, nullable=False, comment="of the plain bytes"),
    Column("content", LargeBinary, nullable=False, comment="the history, its payloads sealed, compressed"),
    _recorded("archived_at"),
    comment="Histories of closed runs as the engine gave them; instants are the engine's",
)

waiting_runs = Table(
    "waiting_runs",
    metadata,
    Column("journey_id", Text, primary_key=True),
    Column("run_id", Text, primary_key=True, comment="empty: the engine is still to say which one closed"),
    _instant("closed_at"),
    Column("lost", Boolean, nullable=False, server_default=text("false"), comment="the engine has forgotten it"),
    Index("waiting_runs_closed_at_idx", "closed_at"),
    comment="Closed runs that are still to be archived; a row is deleted with that",
)

archive_cursor = Table(
    "archive_cursor",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one"), primary_key=True, autoincrement=False),
    Column("looked_at", DateTime(timezone=True), comment="runs that closed before then are noted"),
    Column("events_until", BigInteger, nullable=False, comment="journey_events up to this id were looked at"),
    comment="How far the archive has looked for closed runs",
)
