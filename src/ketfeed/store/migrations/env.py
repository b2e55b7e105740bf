"""Alembic's door: runs on the connection that ``ketfeed.store.upgrade`` passes in."""

from __future__ import annotations

from alembic import context

from ketfeed.store.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
