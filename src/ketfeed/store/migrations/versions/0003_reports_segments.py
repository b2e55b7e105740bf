"""What entries report is kept, and the full-text index is joined when the writer has time.

A story's candidate need not be read and worked out again. Segments of SQLite's index are joined by Entries.join_index;
by FTS5 itself only where nobody does for four hundred transactions.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BEFORE = {"automerge": 12, "crisismerge": 24}
AFTER = {"automerge": 0, "crisismerge": 400}
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "story_report",
        sa.Column("entry", NUMBER, autoincrement=False, nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry"),
    )
    _configure(AFTER)


def downgrade() -> None:
    op.drop_table("story_report")
    _configure(BEFORE)


def _configure(settings: dict[str, int]) -> None:
    if op.get_context().dialect.name == "sqlite":
        for name, value in settings.items():
            op.execute(f"INSERT INTO entry_fts(entry_fts, rank) VALUES ('{name}', {value})")  # noqa: S608  # from above
