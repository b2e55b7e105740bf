"""What tagging, stories and retagging cost.

    python benchmarks/topics.py terms                 matching with 300 and 3,000 terms, beside one regex alternation
    python benchmarks/topics.py tag                   the shipped rules: entries a second
    python benchmarks/topics.py store                 tagged + indexed + stored, with and without looking for stories
    python benchmarks/topics.py stories 10000 100000  finding an entry's story among that many stored entries
    python benchmarks/topics.py retag 100000          a changed rule set over a store, one process and all
    python benchmarks/topics.py all 10000 100000      everything; sizes are those of ``stories``, retag takes 100,000

Entries are made up from a seed: a title of about 80 characters and a summary of about 320, some of them reports of the
same event in other words. In the dense set nine of ten are about the field; in the mix, as in benchmarks/poll.py, one
of ten, which is what general feeds bring. Times are processor seconds of this process, so one core's, unless said
otherwise; another process on the machine still makes them longer, so compare figures of one run.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from ketfeed.catalog.load import load_catalog
from ketfeed.model import (
    Catalog,
    Entry,
    FeedInfo,
    NormalisedFeed,
    Poll,
    RuleSet,
    Site,
    Source,
    SourceState,
    Tagging,
    Term,
    TopicRule,
    entry_id,
)
from ketfeed.run.retag import retag
from ketfeed.store.db import Store
from ketfeed.store.ready import prepare
from ketfeed.store.records import PollWrite
from ketfeed.topics.match import Tagger
from ketfeed.topics.terms import fold

ROOT = Path(__file__).parents[1]
START = datetime(2021, 1, 1, tzinfo=UTC)
PER_POLL = 30
POLLS = 10  # in one transaction

DRUGS = ("ketamine", "esketamine", "Spravato", "psilocybin", "lithium", "MDMA", "quetiapine", "buprenorphine")
CONDITIONS = (
    "depression",
    "PTSD",
    "chronic pain",
    "anxiety",
    "bipolar disorder",
    "OCD",
    "alcohol use disorder",
    "migraine",
)
EVENTS = (
    "approved by the agency", "studied in a trial", "offered by a new clinic", "covered by an insurer",
    "linked to side effects", "reviewed by experts", "banned in a country", "tested in mice",
)  # fmt: skip
PLACES = ("Boise", "Tulsa", "Oslo", "Lyon", "Turin", "Gdansk", "Leeds", "Perth", "Austin", "Quebec", "Kyoto", "Porto")
FILLER = re.split(
    " ",
    "the people of that region said on Monday that more time was needed before any decision about money could be made "
    "because the council had not met since spring and nobody knew which rules would hold after the summer break while "
    "trains were late and the weather stayed mild across most of the coast where ships waited for a free berth",
)


DENSE, MIX = 9, 1
"""Of ten entries, those about the field."""


def made_entry(random_: random.Random, number: int, source: str, at: datetime, about: int = DENSE) -> Entry:
    """One entry; ``about`` of ten are about the field, the others not at all."""
    place, year = random_.choice(PLACES), random_.randint(10, 4000)
    letters = (random_.choice(part) for part in ("BCDFGHKLMNPRSTVZ", "aeiou", "lmnrst", "aeiou"))
    name = f"{''.join(letters)}x{number % 9973}"
    if number % 10 >= 10 - about:
        subject, condition = random_.choice(DRUGS), random_.choice(CONDITIONS)
        title = f"{subject.capitalize()} for {condition} {random_.choice(EVENTS)} in {place}, {name} reports"
        core = f"{name} followed {year} patients with {condition} who took {subject}; it was {random_.choice(EVENTS)}."
    else:
        title = f"{place} votes on {name} bridge after {year} complaints"
        core = f"The {name} bridge in {place} needs {year} million."
    start = random_.randrange(len(FILLER) - 40)
    summary = f"{core} {' '.join(FILLER[start : start + 38])}."
    raw_id = f"{source}:{number}"
    return Entry(
        id=entry_id(source, raw_id), source_id=source, raw_id=raw_id, title=title, link=f"https://{source}.example/{number}",
        canonical_link=f"{source}.example/{number}", summary=summary, excerpt=summary, published=at,
    )  # fmt: skip


def made_entries(
    count: int, sources: Sequence[Source], seed: int = 1, about: int = DENSE
) -> Iterator[tuple[Entry, Source]]:
    """Entries over the years from START on, 700 a day, of changing sources."""
    random_ = random.Random(seed)  # noqa: S311  # not a secret
    for number in range(count):
        source = sources[number // PER_POLL % len(sources)]
        yield made_entry(random_, number, source.id, START + timedelta(days=number / 700), about), source


def sources() -> list[Source]:
    return [
        Source(id=f"s{number}", url=f"https://s{number}.example/feed", title=f"Source {number}")
        for number in range(200)
    ]


def shipped() -> RuleSet:
    loaded = load_catalog(ROOT / "config").catalog
    assert loaded is not None
    return loaded.rules


def timed(do: Callable[[], object], repeat: int = 3) -> float:
    """Processor seconds of the fastest of some runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        do()
        best = min(best, time.process_time() - start)
    return best


def terms() -> None:
    """Cost must hardly depend on the number of terms."""
    pairs = list(made_entries(2000, sources()))
    folded = [fold(f"{entry.title} {entry.summary}") for entry, _ in pairs]
    words = sorted({word for text in folded for word in text.split() if len(word) > 4})
    random_ = random.Random(2)  # noqa: S311  # not a secret
    hits = ["ketamine", "depression", "chronic pain", "trial", "clinic", "insurer", "patients"]
    print("terms     automaton      regex alternation")
    for count in (300, 3000):
        phrases = hits + [f"{random_.choice(words)} {random_.choice(words)}" for _ in range(count - len(hits))]
        chunks = [phrases[start::14] for start in range(14)]
        rule_set = RuleSet(
            topics=tuple(
                TopicRule(id=f"t{number}", title="", terms=tuple(Term(text=phrase) for phrase in chunk))
                for number, chunk in enumerate(chunks)
            )
        )
        ours = timed(_tagging(Tagger(rule_set), pairs))
        pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(phrases, key=len, reverse=True))) + r")\b")
        other = timed(_finding(pattern, folded), 1)
        print(f"{count:5}  {len(pairs) / ours:9,.0f}/s  {len(pairs) / other:9,.0f}/s (only finding, no reasons)")


def _tagging(tagger: Tagger, pairs: Sequence[tuple[Entry, Source]]) -> Callable[[], object]:
    return lambda: [tagger.tag(entry, source) for entry, source in pairs]


def _finding(pattern: re.Pattern[str], texts: Sequence[str]) -> Callable[[], object]:
    return lambda: [pattern.findall(text) for text in texts]


def tag() -> None:
    """The shipped rules."""
    tagger = Tagger(shipped())
    for name, about in (("mix", MIX), ("dense", DENSE)):
        pairs = list(made_entries(3000, sources(), about=about))
        seconds = timed(_tagging(tagger, pairs), 5)
        relevant = sum(tagger.tag(entry, source).relevant for entry, source in pairs)
        each = seconds / len(pairs) * 1e6
        print(f"tag, {name}: {1e6 / each:,.0f} entries/s ({each:.0f} µs each, {relevant / len(pairs):.0%} relevant)")


def writes(pairs: Sequence[tuple[Entry, Source]], taggings: Sequence[Tagging]) -> Iterator[list[PollWrite]]:
    """Transactions of POLLS polls with PER_POLL entries."""
    batch: list[PollWrite] = []
    for start in range(0, len(pairs), PER_POLL):
        part, source = pairs[start : start + PER_POLL], pairs[start][1]
        at = part[-1][0].published or START
        feed = NormalisedFeed(
            info=FeedInfo(format="rss2.0"), entries=tuple(entry for entry, _ in part),
            taggings=tuple(taggings[start : start + PER_POLL]),
        )  # fmt: skip
        poll = Poll(source_id=source.id, url=source.url, started_at=at, outcome="ok")
        batch.append(
            PollWrite(
                poll=poll,
                state=SourceState(source_id=source.id, url=source.url),
                source=source,
                feed=prepare(feed, source, at),
            )
        )
        if len(batch) == POLLS:
            yield batch
            batch = []
    if batch:
        yield batch


def opened(folder: str) -> Store:
    store = Store.open(f"sqlite:///{folder}/benchmark.db")
    store.sources.sync(Catalog(sources=tuple(sources()), site=Site(backfill=1_000_000)), START)
    return store


def store() -> None:
    """Tagged, indexed for search, matched and stored; with and without looking for stories."""
    tagger = Tagger(shipped())
    for name, about in (("mix", MIX), ("dense", DENSE)):
        pairs = list(made_entries(12_000, sources(), about=about))
        for linked in (True, False):
            with tempfile.TemporaryDirectory() as folder:
                place = opened(folder)
                marks = [time.process_time()]
                taggings = [tagger.tag(entry, source) for entry, source in pairs]
                marks.append(time.process_time())
                if not linked:  # stored and indexed all the same, but no story is looked for
                    taggings = [replace(one, relevant=False) for one in taggings]
                batches = list(writes(pairs, taggings))
                marks.append(time.process_time())
                for batch in batches:
                    place.entries.save_polls(batch)
                marks.append(time.process_time())
                place.close()
            tagged, ready, saved = ((end - start) / len(pairs) * 1e6 for start, end in pairwise(marks))
            print(
                f"store, {name}, {'with' if linked else 'without'} stories: {1e6 / (tagged + ready + saved):,.0f} "
                f"entries/s (tag {tagged:.0f} µs, make ready {ready:.0f} µs, index and store {saved:.0f} µs an entry)",
                flush=True,
            )


def stories(sizes: Sequence[int]) -> None:
    """Grow one store through the sizes and time the same number of arrivals at each."""
    tagger = Tagger(shipped())
    probe = 3000
    total = max(sizes) + probe
    everything = made_entries(total, sources())
    with tempfile.TemporaryDirectory() as folder:
        place = opened(folder)
        done = 0
        for size in sorted(sizes):
            while done < size:
                done += _grow(place, tagger, everything, min(6000, size - done))
            pairs = [next(everything) for _ in range(probe)]
            taggings = [tagger.tag(entry, source) for entry, source in pairs]
            start = time.process_time()
            for batch in writes(pairs, taggings):
                place.entries.save_polls(batch)
            spent = time.process_time() - start
            done += probe
            disk = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
            each = spent / probe * 1e6
            print(f"{size:9,} stored: {each:6.0f} µs an entry for store, index and story; {disk:,.0f} MB", flush=True)
        place.close()


def _grow(place: Store, tagger: Tagger, everything: Iterator[tuple[Entry, Source]], count: int) -> int:
    pairs = [pair for _, pair in zip(range(count), everything, strict=False)]
    for batch in writes(pairs, [tagger.tag(entry, source) for entry, source in pairs]):
        place.entries.save_polls(batch)
    return len(pairs)


def retagging(count: int) -> None:
    """Fill a store by one rule set and walk it with another; wall seconds."""
    rules = shipped()
    tagger = Tagger(rules)
    changed = RuleSet(
        topics=(*rules.topics[1:], TopicRule(id="bridges", title="", terms=(Term(text="bridge"),))),
        relevance=rules.relevance, weights=rules.weights, threshold=rules.threshold, digest="changed",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        place = opened(folder)
        everything = made_entries(count, sources())
        done = 0
        while done < count:
            done += _grow(place, tagger, everything, min(6000, count - done))
        first = 0.0
        for workers, target in ((1, changed), (None, rules)):
            start, before, own = time.perf_counter(), _children(), time.process_time()
            summary = retag(place, target, now=START, workers=workers)
            wall = time.perf_counter() - start
            first = first or wall
            print(
                f"retag of {count:,} with {workers or 'all'} process(es): {wall:.1f} s of the clock, "
                f"{count / wall:,.0f} entries/s, {summary.changed:,} changed; processor: "
                f"{time.process_time() - own:.1f} s here, {_children() - before:.1f} s of children; "
                f"{first / wall:.2f} ×",
                flush=True,
            )
        place.close()


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("terms", "tag", "store", "stories", "retag", "all"))
    parser.add_argument("sizes", nargs="*", type=int)
    given = parser.parse_args()
    for what, measure in (("terms", terms), ("tag", tag), ("store", store)):
        if given.what in (what, "all"):
            measure()
    if given.what in ("stories", "all"):
        stories(given.sizes or [10_000, 100_000, 1_000_000])
    if given.what in ("retag", "all"):
        retagging(given.sizes[0] if given.what == "retag" and given.sizes else 100_000)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
