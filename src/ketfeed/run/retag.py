"""A changed rule set over everything that is stored: in the background, resumable, with both processors.

    tagging.tag_stored ─▶ what differs, piece by piece ─▶ store.tags.apply + mark (one transaction per piece)

The mark says how far which rule set came, so that a walk that was interrupted goes on where it stopped. Running it
twice changes nothing the second time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from ketfeed.model import RuleSet
from ketfeed.run.clock import utc_now
from ketfeed.store.db import Store
from ketfeed.store.records import Mark, TagChange
from ketfeed.store.retagging import retagged

log = structlog.get_logger()

TOLD = 20_000  # entries between two lines of progress in the log


@dataclass(slots=True)
class RetagSummary:
    """What a walk changed, editors' decisions applied."""

    entries: int = 0  # looked at
    changed: int = 0
    relevant: int = 0  # became relevant
    irrelevant: int = 0  # ceased to be
    added: dict[str, int] = field(default_factory=dict)  # topic → entries
    removed: dict[str, int] = field(default_factory=dict)
    finished: bool = False  # False: stopped; the next walk goes on here

    def count(self, changes: Sequence[TagChange]) -> None:
        """Take the changes of one piece in."""
        for change in changes:
            self.changed += 1
            self.relevant += change.relevant is True
            self.irrelevant += change.relevant is False
            for topic in change.added:
                self.added[topic] = self.added.get(topic, 0) + 1
            for topic in change.removed:
                self.removed[topic] = self.removed.get(topic, 0) + 1

    def words(self) -> dict[str, str]:
        """Topic → ``+12 −3``, for a log line or a table."""
        return {
            topic: f"+{self.added.get(topic, 0)} −{self.removed.get(topic, 0)}"
            for topic in sorted(self.added.keys() | self.removed.keys())
        }


def is_due(store: Store, rules: RuleSet) -> bool:
    """Whether stored entries were tagged by other rules, or a walk with these was interrupted."""
    mark = store.tags.marker()
    return mark is None or mark.digest != rules.digest or not mark.done


def begin(store: Store, rules: RuleSet) -> None:
    """Note the rules of an empty store: everything that will be in it is tagged by them from the first poll on."""
    if store.tags.marker() is None and store.tags.count() == 0:
        store.tags.set_marker(Mark(digest=rules.digest, after=0, done=True))


def retag(
    store: Store,
    rules: RuleSet,
    *,
    now: datetime,
    workers: int | None = None,
    stop: threading.Event | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> RetagSummary:
    """Tag everything stored by ``rules``.

    workers: processes, None: one per processor. stop: set it to end after the piece at hand. on_progress is told the
    number of entries done and of all to do. Raises StoreError.
    """
    from ketfeed.run.tagging import tag_stored  # here: a poller rarely needs its tagger

    mark = store.tags.marker()
    after = mark.after if mark is not None and mark.digest == rules.digest and not mark.done else 0
    total = store.tags.count(after)
    summary = RetagSummary()
    with closing(tag_stored(store, rules, retagged, after=after, workers=workers or os.cpu_count() or 1)) as pieces:
        for piece in pieces:
            if stop is not None and stop.is_set():
                return summary
            after = piece.last
            reached = Mark(digest=rules.digest, after=after, done=False)
            summary.count(store.tags.apply(piece.found, now, reached))
            summary.entries += piece.entries
            if on_progress is not None:
                on_progress(summary.entries, total)
    store.tags.set_marker(Mark(digest=rules.digest, after=after, done=True))
    summary.finished = True
    return summary


class RetagWalk:
    """A walk in a thread of its own: started when rules change, halted when they change again or the service stops."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def go(self, rules: RuleSet) -> None:
        """Begin with these rules if entries are still tagged by others; an older walk is halted first."""
        self.halt()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._walk, args=(rules, self._stop), name="retag", daemon=True)
        self._thread.start()

    def halt(self) -> None:
        """End after the piece at hand; the next walk with the same rules goes on there."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _walk(self, rules: RuleSet, stop: threading.Event) -> None:
        try:
            if not is_due(self._store, rules):
                return
            summary = retag(self._store, rules, now=utc_now(), stop=stop, on_progress=_tell)
        except Exception:  # the next start, or the next change of rules, tries again
            log.exception("retag failed")
            return
        if not summary.entries:
            return
        log.info(
            "retagged" if summary.finished else "retag halted",
            entries=summary.entries, changed=summary.changed, relevant=f"+{summary.relevant} −{summary.irrelevant}",
            **summary.words(),
        )  # fmt: skip


def _tell(done: int, total: int) -> None:
    from ketfeed.run.tagging import PIECE

    if done % TOLD < PIECE or done == total:
        log.info("retagging", done=done, total=total)
