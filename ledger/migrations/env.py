"""Alembic's entry: runs the migrations on the address that `ledger.migrate` gives, one process at a time."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from ledger.schema import metadata

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.begin() as connection:
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('senda:migrate', 0))"))
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
