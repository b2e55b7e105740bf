"""A document becomes entries: clean, absolute, dated, identified, each repair with a note.

``` text
Document ─▶ by Source.type and first character ─▶ ParsedFeed ─▶ entry by entry ─▶ NormalisedFeed
              feed: JSON Feed, XML · page · sitemap
```

Pure: no network, no clock (``now`` is an argument), nothing kept between calls. It runs in a child process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ketfeed.ingest import html, urls
from ketfeed.ingest.charset import decode
from ketfeed.ingest.dates import decide_order
from ketfeed.ingest.entry import PAGE_TYPES, EntryReader, language_tag, title_from_text
from ketfeed.ingest.jsonfeed import is_json, parse_json
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.parse import parse_xml
from ketfeed.ingest.parsed import ParsedEntry, ParsedFeed
from ketfeed.model import (
    Entry,
    FeedInfo,
    NormalisedFeed,
    Source,
)

__all__ = ["Document", "Limits", "joined", "normalise", "parse", "read_document", "renormalise"]


def read_document(document: Document, source: Source, now: datetime, limits: Limits) -> NormalisedFeed:
    """Everything that would be stored of a document.

    ``source`` says how to read it (feed, page, sitemap) and names what it owns; ``now`` is the time of the visit,
    against which dates in the future are told. Raises NotAFeed, ForbiddenXml, ParseFailed.
    """
    return normalise(parse(document, source, limits), document, source, now, limits)


def parse(document: Document, source: Source, limits: Limits) -> ParsedFeed:
    """The document in the words of its format; same errors as read_document."""
    text, notes = decode(document.body, document.content_type, limits.decoded)
    base = base_of(document)
    if source.type == "page":
        from ketfeed.ingest.page import parse_page

        parsed = parse_page(text, base, source.page, limits)
    elif source.type == "sitemap":
        from ketfeed.ingest.sitemap import parse_sitemap

        parsed = parse_sitemap(text, base, source.sitemap, limits)
    elif is_json(text):
        parsed = parse_json(text)
    else:
        parsed = parse_xml(text, base, None, limits)
    parsed.notes = (*notes, *parsed.notes)
    return parsed


def base_of(document: Document) -> str:
    """Where relative addresses start: Content-Location, else the final URL, else nothing (a file)."""
    url = urls.absolute(document.url) or ""
    if document.content_location:
        return urls.absolute(document.content_location, url) or url
    return url


# ---------------------------------------------------------------- the document


def normalise(parsed: ParsedFeed, document: Document, source: Source, now: datetime, limits: Limits) -> NormalisedFeed:
    """Entries of a parsed document in its order, at most ``limits.entries`` of them, the newest."""
    info = _info(parsed, document)
    notes = list(parsed.notes)
    base = base_of(document) or info.homepage or info.self_link
    order = decide_order(
        (text for entry in parsed.entries for text in (*entry.published, *entry.updated)),
        parsed.language or source.language,
    )
    reader = EntryReader(parsed, source, now, limits, base, order)
    said = [entry for entry in parsed.entries if _says_anything(entry)]
    if len(said) < len(parsed.entries):
        notes.append(f"entries: {len(parsed.entries) - len(said)} that say nothing left out")
    entries = _without_duplicates([reader.read(entry) for entry in said], notes)
    if len(entries) > limits.entries:
        notes.append(f"entries: {len(entries)} in the document, the newest {limits.entries} kept")
        entries = _newest(entries, limits.entries)
    return NormalisedFeed(
        info=info,
        entries=tuple(entries),
        notes=tuple(notes),
        more=tuple(
            found for link in parsed.links if link.rel == "sitemap" and (found := urls.absolute(link.href, link.base))
        ),
    )


def joined(feeds: Sequence[NormalisedFeed], limits: Limits | None = None) -> NormalisedFeed:
    """Several documents of one source (the sitemaps of an index) as one: the first one's info, each id once."""
    limits = limits or Limits()
    notes = [note for feed in feeds for note in feed.notes]
    tagged = {
        entry.raw_id: tagging for feed in feeds for entry, tagging in zip(feed.entries, feed.taggings, strict=False)
    }
    entries = _without_duplicates([entry for feed in feeds for entry in feed.entries], notes)
    if len(entries) > limits.entries:
        entries = _newest(entries, limits.entries)
    taggings = tuple(tagged[entry.raw_id] for entry in entries if entry.raw_id in tagged)
    return NormalisedFeed(
        info=feeds[0].info,
        entries=tuple(entries),
        notes=tuple(dict.fromkeys(notes)),
        taggings=taggings if len(taggings) == len(entries) else (),
    )


def _info(parsed: ParsedFeed, document: Document) -> FeedInfo:
    base = base_of(document) or None
    notes: list[str] = []
    pages = [link for link in parsed.links if link.rel == "alternate" and (link.type or "text/html") in PAGE_TYPES]
    homepage = next((found for link in pages if (found := urls.absolute(link.href, link.base or base))), None)
    return FeedInfo(
        format=parsed.format,
        title=html.to_title(parsed.title, Limits(), notes),
        homepage=homepage,
        self_link=_first_link(parsed, "self", base),
        language=language_tag(parsed.language),
        generator=parsed.generator[:200] if parsed.generator else None,
        hubs=tuple(
            found
            for link in parsed.links
            if link.rel == "hub" and (found := urls.absolute(link.href, link.base or base))
        )[:10],
        new_feed_url=urls.absolute(parsed.new_feed_url, base) if parsed.new_feed_url else None,
        ttl=_ttl(parsed),
        skip_hours=tuple(sorted({int(hour) % 24 for hour in parsed.skip_hours if hour.isdecimal() and len(hour) < 3})),
        skip_days=tuple(sorted({_DAYS[day[:3].lower()] for day in parsed.skip_days if day[:3].lower() in _DAYS})),
    )


_DAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_PERIODS = {"hourly": 3_600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}


def _first_link(parsed: ParsedFeed, rel: str, base: str | None) -> str | None:
    links = (urls.absolute(link.href, link.base or base) for link in parsed.links if link.rel == rel)
    return next((link for link in links if link), None)


def _ttl(parsed: ParsedFeed) -> int | None:
    """Seconds the publisher wants between visits: <ttl> minutes or sy:updatePeriod / sy:updateFrequency, the longer."""
    hints: list[int] = []
    if parsed.ttl and parsed.ttl.isdecimal() and len(parsed.ttl) < 8:
        hints.append(int(parsed.ttl) * 60)
    if parsed.update_period or parsed.update_frequency:
        period = _PERIODS.get((parsed.update_period or "daily").strip().lower())
        times = parsed.update_frequency or "1"
        if period and times.isdecimal() and int(times[:6]) > 0:
            hints.append(period // int(times[:6]))
    return max(hints) or None if hints else None


def _says_anything(entry: ParsedEntry) -> bool:
    """False for ``<item/>`` and for what is left of a truncated one."""
    return bool(
        entry.id or entry.links or entry.title or entry.summary or entry.content or entry.enclosures or entry.published
        or entry.updated or entry.authors or entry.categories or entry.images or entry.identifiers or entry.comments
    )  # fmt: skip


def _without_duplicates(entries: Sequence[Entry], notes: list[str]) -> list[Entry]:
    """One entry per raw id: the latest (RFC 4287 section 4.1.1), of equals the first, at the place of the first."""
    kept: dict[str, Entry] = {}
    doubled = 0
    for entry in entries:
        first = kept.get(entry.raw_id)
        if first is None:
            kept[entry.raw_id] = entry
            continue
        doubled += 1
        when, before = entry.updated or entry.published, first.updated or first.published
        if when and before and when > before:
            kept[entry.raw_id] = entry
    if doubled:
        notes.append(f"id: {doubled} entries repeat the id of another, the latest of each kept")
    return list(kept.values())


def _newest(entries: Sequence[Entry], count: int) -> list[Entry]:
    """The newest, in the order of the document; undated ones count as being as new as their neighbour before."""
    ranked: list[tuple[float, int]] = []
    last = float("inf")
    for index, entry in enumerate(entries):
        when = entry.published or entry.updated
        last = when.timestamp() if when else last
        ranked.append((last, index))
    ranked.sort(key=lambda pair: (-pair[0], pair[1]))
    return [entries[index] for index in sorted(index for _, index in ranked[:count])]


def renormalise(entry: Entry, limits: Limits | None = None) -> Entry:
    """The entry with title, summary, content and what follows from them made again from the raw fields.

    Identity, dates, links and authors stay: they do not depend on the sanitiser.
    """
    limits = limits or Limits()
    notes: list[str] = [note for note in entry.notes if not note.startswith(("title:", "summary:", "content:"))]
    title = html.to_title(entry.raw_title, limits, notes)
    summary = html.to_html(entry.raw_summary, None, limits, notes, "summary")
    content = html.to_html(entry.raw_content, None, limits, notes, "content")
    text = html.to_text(content or summary)
    if not title:
        title = title_from_text(html.to_text(summary) or text)
        notes.append("title: missing, beginning of the text used" if title else "title: missing")
    return replace(
        entry,
        title=title,
        summary=summary,
        content=content,
        text=text,
        excerpt=html.excerpt(html.to_text(summary) if summary else text),
        image=entry.image or html.first_image(content) or html.first_image(summary),
        notes=tuple(dict.fromkeys(notes)),
    )
