"""``ketfeed backup FILE``: a copy of the database, taken while the service runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ketfeed.cli.common import err, open_store, settings_from


def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write the copy; replaced when it is there.", metavar="FILE")],
) -> None:
    """Write a complete copy of the database to FILE, beside a running service.

    To restore it, stop the service and put the file in place of data/ketfeed.db (remove ketfeed.db-wal and
    ketfeed.db-shm first).
    """
    with open_store(settings_from(ctx)) as store:
        store.backup(file)
    err.print(f"{escape(str(file))}: {file.stat().st_size / 1e6:.1f} MB", highlight=False)
