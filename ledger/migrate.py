"""Bring a database up to the newest schema: `python -m ledger.migrate` with SENDA_DATABASE_URL, or `upgrade(url)`."""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config


def config(url: str) -> Config:
    """Alembic's configuration for a postgresql:// address."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    alembic.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return alembic


def upgrade(url: str) -> None:
    """Run the migrations that this database lacks. Safe to run twice, also at the same time."""
    command.upgrade(config(url), "head")


if __name__ == "__main__":
    url = os.environ.get("SENDA_DATABASE_URL")
    if not url:
        sys.exit("SENDA_DATABASE_URL is not set: it names the database to migrate")
    upgrade(url)
