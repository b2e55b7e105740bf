"""The catalog in force while the service runs, and a line in the log whenever the files change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from ketfeed.catalog.watch import CatalogWatch
from ketfeed.model import Catalog, Complaint

log = structlog.get_logger()

FILES = 0.4  # seconds between two looks at the files: a change is in force within 2 s of its last write


class LiveCatalog:
    """What the files say now, or said when they were last good."""

    def __init__(self, folder: Path) -> None:
        """Read the folder. Raises CatalogError with every complaint when it cannot be used."""
        self._watch = CatalogWatch(folder)

    @property
    def catalog(self) -> Catalog:
        """The catalog in force."""
        return self._watch.catalog

    @property
    def complaints(self) -> Sequence[Complaint]:
        """Errors and warnings about the files as they are now."""
        return self._watch.complaints

    def provide(self) -> Catalog:
        """The catalog in force, as a function to hand on."""
        return self._watch.catalog

    def provide_complaints(self) -> Sequence[Complaint]:
        """What is wrong with the files as they are now; empty when they are good."""
        return [complaint for complaint in self._watch.complaints if complaint.severity == "error"]

    def refresh(self) -> bool:
        """Look at the files; True when another catalog is in force. Call it twice a second.

        A broken, empty or half written file leaves the last good catalog in force and is named in the log.
        """
        before = self._watch.catalog
        outcome = self._watch.refresh(time.monotonic())
        if outcome == "refused":
            for complaint in self.provide_complaints():
                log.warning("config refused", complaint=str(complaint), kept="the last good configuration")
        if outcome != "taken up" or self.catalog.digest == before.digest:
            return False
        log.info("config taken up", sources=len(self.catalog.sources), topics=len(self.catalog.rules.topics))
        return True
