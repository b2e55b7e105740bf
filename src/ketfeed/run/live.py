"""The catalog in force while the service runs: a good file is taken up within seconds, a broken one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from ketfeed.catalog.load import load_catalog
from ketfeed.errors import CatalogError
from ketfeed.model import Catalog, Complaint

log = structlog.get_logger()


class LiveCatalog:
    """The catalog in force: what the files say now, or said when they were last good."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises CatalogError with every complaint when it cannot be used."""
        self._folder = folder
        self._seen = self._look()
        loaded = load_catalog(folder)
        self.complaints: tuple[Complaint, ...] = loaded.complaints
        if loaded.catalog is None:
            raise CatalogError(_errors(loaded.complaints))
        self.catalog: Catalog = loaded.catalog

    def provide(self) -> Catalog:
        """The catalog in force."""
        return self.catalog

    def provide_complaints(self) -> Sequence[Complaint]:
        """What is wrong with the files as they are now; empty when they are good."""
        return self.complaints

    def refresh(self) -> bool:
        """Read the files again if they changed; True when another catalog is in force.

        A broken or empty file leaves the last good catalog in force and is named in the log.
        """
        seen = self._look()
        if seen == self._seen:
            return False
        self._seen = seen
        loaded = load_catalog(self._folder)
        self.complaints = loaded.complaints
        if loaded.catalog is None:
            for complaint in _errors(loaded.complaints):
                log.warning("config refused", complaint=str(complaint), kept="the last good configuration")
            return False
        changed = loaded.catalog.digest != self.catalog.digest
        self.catalog = loaded.catalog
        if changed:
            log.info("config taken up", sources=len(self.catalog.sources), topics=len(self.catalog.rules.topics))
        return changed

    def _look(self) -> tuple[tuple[str, int, int, int], ...]:
        """Name, inode, size and time of every YAML file: editors replace files as often as they write into them."""
        looked = []
        for path in sorted(self._folder.glob("*.y*ml")):
            with suppress(OSError):
                stat = path.stat()
                looked.append((path.name, stat.st_ino, stat.st_size, stat.st_mtime_ns))
        return tuple(looked)


def _errors(complaints: Sequence[Complaint]) -> list[Complaint]:
    return [complaint for complaint in complaints if complaint.severity == "error"]
