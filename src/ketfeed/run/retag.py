"""A changed rule set over everything that is stored: in the background, resumable, with both processors.

    store.tags.batches ─▶ pieces ─▶ a Tagger per process ─▶ store.tags.apply + mark (one transaction per batch)

The mark says how far which rule set came, so that a walk that was interrupted goes on where it stopped. Running it
twice changes nothing the second time.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from ketfeed.model import Entry, RuleSet, Source, Tagging
from ketfeed.run.clock import utc_now
from ketfeed.store.db import Store
from ketfeed.store.records import Mark, TagChange
from ketfeed.topics.match import Tagger

log = structlog.get_logger()

BATCH = 1000  # entries of one transaction
PIECE = 125  # entries handed to a process at a time
SMALL = 2000  # entries up to which starting processes costs more than it brings


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
        """Take the changes of one batch in."""
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

    workers: processes, None: one per processor. stop: set it to end after the batch at hand. on_progress is told the
    number of entries done and of all to do. Raises StoreError.
    """
    mark = store.tags.marker()
    after = mark.after if mark is not None and mark.digest == rules.digest and not mark.done else 0
    total = store.tags.count(after)
    summary = RetagSummary()
    with taggers(rules, workers or os.cpu_count() or 1, total) as tag_all:
        for batch in store.tags.batches(BATCH, after):
            if stop is not None and stop.is_set():
                return summary
            after = batch[-1].number
            taggings = tag_all([(tagged.entry, tagged.source) for tagged in batch])
            reached = Mark(digest=rules.digest, after=after, done=False)
            summary.count(store.tags.apply(list(zip(batch, taggings, strict=True)), now, reached))
            summary.entries += len(batch)
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
        """End after the batch at hand; the next walk with the same rules goes on there."""
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
    if done % (20 * BATCH) < BATCH or done == total:
        log.info("retagging", done=done, total=total)


Pairs = Sequence[tuple[Entry, Source]]


@contextmanager
def taggers(rules: RuleSet, workers: int, total: int) -> Iterator[Callable[[Pairs], list[Tagging]]]:
    """A function that tags many entries: in this process when they are few, in ``workers`` processes otherwise."""
    if workers == 1 or total <= SMALL:
        tagger = Tagger(rules)
        yield lambda pairs: [tagger.tag(entry, source) for entry, source in pairs]
        return
    context = multiprocessing.get_context("spawn")  # threads of ours hold locks that a fork would copy
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare, initargs=(rules,)) as pool:
        yield lambda pairs: _spread(pool, pairs)


def _spread(pool: Executor, pairs: Pairs) -> list[Tagging]:
    pieces = [pairs[start : start + PIECE] for start in range(0, len(pairs), PIECE)]
    return [tagging for piece in pool.map(_tag_piece, pieces) for tagging in piece]


_tagger: Tagger | None = None  # of a child process


def _prepare(rules: RuleSet) -> None:
    global _tagger  # one per child process, made once
    _tagger = Tagger(rules)


def _tag_piece(pairs: Pairs) -> list[Tagging]:
    assert _tagger is not None  # noqa: S101  # _prepare ran first
    return [_tagger.tag(entry, source) for entry, source in pairs]
