"""which template, in which version, a message was written by"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "contact_events",
        sa.Column("template", sa.Text(), nullable=True, comment="name.language@version: whose words these were"),
    )


def downgrade() -> None:
    op.drop_column("contact_events", "template")
