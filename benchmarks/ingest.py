"""How fast documents become entries: ``python benchmarks/ingest.py [FOLDER]``.

For every feed of the corpus (../shared/corpus/real by default), on one core: entries/s of feedparser alone (its
sanitiser and address resolving switched off, as ketfeed uses it), of feedparser as it comes, and of parse + normalise.
The goal is that everything ketfeed adds costs at most 60 % of feedparser's own time: total ≤ 1.6 × "feedparser alone".
"""

from __future__ import annotations

import io
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import feedparser

from ketfeed.errors import PollError
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.normalise import read_document
from ketfeed.model import Source

CORPUS = Path(__file__).parents[1] / ".." / "shared" / "corpus" / "real"
SOURCE = Source(id="s", url="https://example.org/feed")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
LIMITS = Limits(entries=100_000)
ROUNDS = 5  # of each, alternating, the fastest counts: the machine has other work


def ours(body: bytes) -> int:
    """Entries that ketfeed reads and normalises."""
    return len(read_document(Document(body, None, SOURCE.url), SOURCE, NOW, LIMITS).entries)


def alone(body: bytes) -> int:
    """Entries of feedparser without what ketfeed does itself."""
    return len(feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False).entries)


def as_it_comes(body: bytes) -> int:
    """Entries of feedparser with its own sanitiser and resolver."""
    return len(feedparser.parse(io.BytesIO(body)).entries)


def timed(read: Callable[[bytes], int], bodies: list[bytes]) -> tuple[float, int]:
    """Processor seconds and entries of one round."""
    start = time.process_time()
    entries = sum(read(body) for body in bodies)
    return time.process_time() - start, entries


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    bodies = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".json":
            body = path.read_bytes()
            try:
                ours(body)
            except PollError:
                continue
            bodies.append(body)
    readers: tuple[tuple[str, Callable[[bytes], int]], ...] = (
        ("feedparser alone", alone), ("feedparser as it comes", as_it_comes), ("ketfeed parse + normalise", ours),
    )  # fmt: skip
    best: dict[str, tuple[float, int]] = {}
    for _ in range(ROUNDS):
        for name, read in readers:
            best[name] = min(best.get(name, (1e9, 0)), timed(read, bodies))
    print(f"{len(bodies)} feeds, {sum(map(len, bodies)) / 1e6:.1f} MB")
    base = best["feedparser alone"][0]
    for name, (seconds, entries) in best.items():
        print(f"{name:28} {seconds:7.3f} s  {entries / seconds:9.0f} entries/s  {seconds / base:5.2f} x")


if __name__ == "__main__":
    main()
