"""Bring a database up to this version of the code: `python -m ledger.migrate` with SENDA_DATABASE_URL, or `upgrade`."""

import os
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config

from ledger.packs import keep_shipped


def config(url: str) -> Config:
    """Alembic's configuration for a postgresql:// address."""
    alembic = Config()
    alembic.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    alembic.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return alembic


def upgrade(url: str) -> None:
    """Run the migrations that a database lacks and keep this version's packs. Safe to repeat, also at the same time."""
    command.upgrade(config(url), "head")
    keep_shipped(url)


if __name__ == "__main__":
    url = os.environ.get("SENDA_DATABASE_URL")
    if not url:
        sys.exit("SENDA_DATABASE_URL is not set: it names the database to migrate")
    upgrade(url)
