"""Documents are read in child processes that can be killed: the parser may hang, burn or crash, the poller may not.

    read ─▶ queue ─▶ child: limits for this document ─▶ read_document ─▶ Tagger.tag per entry ─▶ NormalisedFeed
                       │ too long, too much processor, too much memory: killed, a new one starts
                       └▶ ParseTimeout / ParseFailed for this document only

Children come from a fork server that has loaded the parser and nothing else: starting one takes milliseconds, it
inherits no socket and no lock of ours, and the pages of the modules are shared. Modules are loaded before the
address-space limit is set, because a lazy import under the limit would fail.
"""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from ketfeed.errors import InternalFault, ParseFailed, ParseTimeout, PollError
from ketfeed.ingest.article import complete
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.normalise import read_document
from ketfeed.model import Entry, NormalisedFeed, RuleSet, Source, Tagging
from ketfeed.settings import Settings
from ketfeed.topics.match import Tagger

DOCUMENTS_PER_CHILD = 2_000  # then a fresh one: whatever leaks in C libraries ends there


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Completed:
    """An entry with what its article's page added, and its tagging (None where no rules were given)."""

    entry: Entry
    tagging: Tagging | None


class Sandbox:
    """Reads documents in ``settings.parse_processes`` children.

    rules None: entries are not tagged. Close it with ``close``.
    """

    def __init__(self, settings: Settings, rules: RuleSet | None) -> None:
        self._settings = settings
        self._limits = Limits.of(settings)
        self._pool = self._make_pool(rules)

    async def read(self, document: Document, source: Source, now: datetime) -> NormalisedFeed:
        """Read one document to the end.

        Raises NotAFeed, ForbiddenXml, ParseFailed, ParseTimeout; InternalFault for a bug in the reader.
        """
        return await self._run(_read, document, source, now)

    async def complete(self, document: Document, entry: Entry, source: Source, now: datetime) -> Completed:
        """Fill what an entry of a page or sitemap lacks from its article's page (``document``), and tag it again.

        Raises as ``read``; NotAFeed when the address gives no page.
        """
        return await self._run(_complete, document, entry, source, now)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        pool = self._pool
        future = pool.schedule(
            work,
            args=(*arguments, self._limits, self._settings.parse_cpu),
            timeout=self._settings.parse_wall,
        )
        try:
            return await asyncio.wrap_future(future)
        except PollError:
            raise
        except TimeoutError as error:
            raise ParseTimeout(f"reading took longer than {self._settings.parse_wall:g} s") from error
        except MemoryError as error:
            raise ParseTimeout(f"reading took more memory than {self._settings.parse_memory} bytes") from error
        except ProcessExpired as error:
            raise _ended(error, self._settings) from error
        except Exception as error:
            raise InternalFault(f"reading failed: {type(error).__name__}: {error}") from error

    def set_rules(self, rules: RuleSet) -> None:
        """Tag by these rules from the next document on; documents being read end with the old ones."""
        old, self._pool = self._pool, self._make_pool(rules)
        old.close()  # type: ignore[no-untyped-call]  # pebble

    def close(self) -> None:
        """End the children; documents being read are given up."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble
        self._pool.join()

    def _make_pool(self, rules: RuleSet | None) -> ProcessPool:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        return ProcessPool(
            self._settings.parse_processes,
            max_tasks=DOCUMENTS_PER_CHILD,
            initializer=_prepare,
            initargs=(rules, self._settings.parse_memory),
            context=context,
        )


def _ended(error: ProcessExpired, settings: Settings) -> PollError:
    """What the end of a child says about its document."""
    if error.exitcode == -signal.SIGXCPU:
        return ParseTimeout(f"reading took more than {settings.parse_cpu:g} s of processor time")
    return ParseFailed(f"the parser ended with {error.exitcode} while reading this document")


_tagger: Tagger | None = None  # of a child


def _prepare(rules: RuleSet | None, memory: int) -> None:
    """Make a child ready: its own tagger, then the limits nothing can undo."""
    global _tagger
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the poller's to handle
    _tagger = Tagger(rules) if rules is not None else None
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _allow(cpu: float) -> None:
    """Give what follows so many processor seconds of its own."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + cpu), hard))


def _complete(document: Document, entry: Entry, source: Source, now: datetime, limits: Limits, cpu: float) -> Completed:
    """What a child does for one article's page."""
    _allow(cpu)
    whole = complete(document, entry, now, limits)
    return Completed(whole, _tagger.tag(whole, source) if _tagger is not None else None)


def _read(document: Document, source: Source, now: datetime, limits: Limits, cpu: float) -> NormalisedFeed:
    """What a child does for one document."""
    _allow(cpu)
    feed = read_document(document, source, now, limits)
    if _tagger is None:
        return feed
    return replace(feed, taggings=tuple(_tagger.tag(entry, source) for entry in feed.entries))
