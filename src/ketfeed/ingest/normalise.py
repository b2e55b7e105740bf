"""A document becomes entries: clean, absolute, dated, identified, each repair with a note.

``` text
Document ─▶ by Source.type and first character ─▶ ParsedFeed ─▶ entry by entry ─▶ NormalisedFeed
              feed: JSON Feed, XML · page · sitemap
```

Pure: no network, no clock (``now`` is an argument), nothing kept between calls. It runs in a child process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ketfeed.ingest import html, urls
from ketfeed.ingest.charset import decode
from ketfeed.ingest.dates import Order, decide_order, knows_zone, read_date
from ketfeed.ingest.identifiers import stated
from ketfeed.ingest.jsonfeed import is_json, parse_json
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.parse import parse_xml
from ketfeed.ingest.parsed import ParsedEntry, ParsedFeed, ParsedImage, ParsedLink
from ketfeed.model import (
    Category,
    Enclosure,
    Entry,
    FeedInfo,
    Image,
    NormalisedFeed,
    Person,
    RawText,
    Source,
    entry_id,
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
    reader = _EntryReader(parsed, source, now, limits, base, order)
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
        entries_hash=entries_hash(entries),
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
        entries_hash=entries_hash(entries),
        taggings=taggings if len(taggings) == len(entries) else (),
    )


def _info(parsed: ParsedFeed, document: Document) -> FeedInfo:
    base = base_of(document) or None
    notes: list[str] = []
    pages = [link for link in parsed.links if link.rel == "alternate" and (link.type or "text/html") in _PAGE_TYPES]
    homepage = next((found for link in pages if (found := urls.absolute(link.href, link.base or base))), None)
    return FeedInfo(
        format=parsed.format,
        title=html.to_title(parsed.title, Limits(), notes),
        homepage=homepage,
        self_link=_first_link(parsed, "self", base),
        language=_language(parsed.language),
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


_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml", "html", "xhtml"})
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


def _language(tag: str | None) -> str | None:
    """A BCP 47 tag in its usual letter case (RFC 5646 section 2.1.1: ``pt-BR``, ``zh-Hant``), when it can be one."""
    tag = (tag or "").strip().replace("_", "-")
    if not _TAG.fullmatch(tag) or tag.lower() in {"und", "none", "zxx"}:
        return None
    first, *rest = tag.split("-")
    return "-".join([
        first.lower(),
        *(part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in rest),
    ])  # fmt: skip


_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}")


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


def entries_hash(entries: Sequence[Entry]) -> str:
    """A digest over everything that would be stored; equal when a document only changed its wrapping."""
    digest = hashlib.blake2b(digest_size=16)
    for entry in entries:
        digest.update(
            repr((
                entry.raw_id, entry.title, entry.link, entry.canonical_link, entry.summary, entry.content,
                entry.authors,
                entry.published, entry.updated, entry.categories, entry.enclosures, entry.image, entry.language,
                entry.comments_link, entry.comments_count, entry.rights, entry.identifiers,
            )).encode("utf-8", "backslashreplace")
        )  # fmt: skip
    return digest.hexdigest()


# ---------------------------------------------------------------- one entry


class _EntryReader:
    """What is the same for every entry of a document."""

    def __init__(
        self, parsed: ParsedFeed, source: Source, now: datetime, limits: Limits, base: str | None, order: Order | None
    ) -> None:
        self.parsed = parsed
        self.source = source
        self.now = now
        self.limits = limits
        self.base = base
        self.order = order
        self.language = _language(parsed.language) or source.language

    def read(self, entry: ParsedEntry) -> Entry:
        """The entry as it would be stored."""
        limits, notes = self.limits, list(entry.notes)
        base = entry.base or self.base
        link, canonical, redirect = self._link(entry, base, notes)
        title = html.to_title(entry.title, limits, notes)
        summary = html.to_html(entry.summary, base, limits, notes, "summary")
        content = html.to_html(entry.content, base, limits, notes, "content")
        summary_text = html.to_text(summary)
        text = html.to_text(content) if content else summary_text
        if not title:
            title = _title_from_text(summary_text or text)
            notes.append("title: missing, beginning of the text used" if title else "title: missing")
        published = self._date(entry.published, "published", notes)
        updated = self._date(entry.updated, "updated", notes)
        if published is None and updated is None and not any(note.startswith("date: ") for note in notes):
            notes.append("date: missing, first seen used")
        elif (published or updated or self.now) > self.now:
            notes.append("date: in the future, first seen used for sorting")
        raw_id = self._raw_id(entry, title, notes)
        enclosures = self._enclosures(entry, base)
        return Entry(
            id=entry_id(self.source.id, raw_id),
            source_id=self.source.id,
            raw_id=raw_id,
            title=title,
            link=link,
            canonical_link=canonical,
            link_is_redirect=redirect,
            summary=summary,
            content=content,
            excerpt=html.excerpt(summary_text or text),
            text=text,
            authors=self._authors(entry),
            published=published,
            updated=updated,
            categories=_categories(entry.categories, limits),
            enclosures=enclosures,
            image=self._image(entry, base, content, summary),
            language=_language(entry.language) or self.language,
            comments_link=self._absolute(entry.comments, base),
            comments_count=_count(entry.comments_count),
            rights=html.cut(html.to_text(entry.rights), 500) if entry.rights else None,
            identifiers=stated(entry.identifiers, (raw_id, link)),
            notes=tuple(dict.fromkeys(notes)),
            raw_title=_kept(entry.title, base, limits),
            raw_summary=_kept(entry.summary, base, limits),
            raw_content=_kept(entry.content, base, limits),
        )

    # ------------------------------------------------------------ identity

    def _raw_id(self, entry: ParsedEntry, title: str, notes: list[str]) -> str:
        """The document's id untouched, else the link as written, else a hash of title, date and enclosure."""
        raw = entry.id
        if not raw:
            raw = next((link.href for link in entry.links if link.rel == "alternate"), None)
            if raw:
                notes.append("id: missing, link used")
        if not raw:
            parts = [title, *(entry.published[:1] or entry.updated[:1]), *(link.href for link in entry.enclosures[:1])]
            if not any(parts) and entry.content:
                parts = [entry.content.value]
            raw = f"sha256:{hashlib.sha256(chr(10).join(parts).encode('utf-8', 'backslashreplace')).hexdigest()}"
            notes.append("id: missing, hash of title, date and enclosure used")
        if len(raw) > self.limits.id:
            notes.append(f"id: longer than {self.limits.id} characters, its hash used")
            raw = f"sha256:{hashlib.sha256(raw.encode('utf-8', 'backslashreplace')).hexdigest()}"
        return raw

    # ------------------------------------------------------------ links

    def _link(self, entry: ParsedEntry, base: str | None, notes: list[str]) -> tuple[str | None, str | None, bool]:
        """The entry's page, the key of the same page, and whether the address only leads on."""
        written = _alternate(entry)
        if written is None and (written := _id_as_link(entry)):
            notes.append("link: missing, id used")
        if written is None:
            notes.append("link: missing")
            return None, None, False
        link = urls.absolute(written.href, written.base or base, self.limits.url)
        if link is None:
            notes.append("link: not an absolute http address, left out")
            return None, None, False
        if link != written.href and not _SCHEME.match(written.href):
            notes.append("link: relative, made absolute")
        redirect = urls.is_redirect(link)
        if entry.original_link is not None:
            original = urls.absolute(entry.original_link.href, entry.original_link.base or base, self.limits.url)
            if original and redirect:
                notes.append("link: leads on, the original link of the feed used")
                link, redirect = original, urls.is_redirect(original)
        bare = urls.without_tracking(link)
        if bare != link:
            notes.append("link: tracking parameters removed")
        return bare, urls.canonical(bare), redirect

    def _absolute(self, link: ParsedLink | None, base: str | None) -> str | None:
        return urls.absolute(link.href, link.base or base, self.limits.url) if link else None

    def _enclosures(self, entry: ParsedEntry, base: str | None) -> tuple[Enclosure, ...]:
        found: dict[str, Enclosure] = {}
        for link in entry.enclosures[: self.limits.enclosures]:
            url = self._absolute(link, base)
            if url:
                found.setdefault(url, Enclosure(url, _media_type(link.type), _count(link.length)))
        return tuple(found.values())

    def _image(self, entry: ParsedEntry, base: str | None, content: str, summary: str) -> Image | None:
        """What the document names as the picture, else the first good one of the content."""
        for picture in entry.images:
            found = self._picture(picture, base)
            if found:
                return found
        return html.first_image(content) or html.first_image(summary)

    def _picture(self, picture: ParsedImage, base: str | None) -> Image | None:
        url = urls.absolute(picture.href, picture.base or base, self.limits.url)
        return Image(url, html.visible(html.to_text(picture.alt))[:1000]) if url else None

    # ------------------------------------------------------------ dates and people

    def _date(self, candidates: tuple[str, ...], what: str, notes: list[str]) -> datetime | None:
        """The first candidate that can be read."""
        for text in candidates:
            moment = read_date(text, self.order)
            if moment is not None:
                if not knows_zone(text):
                    notes.append(f"date: zone of {text[-40:]!r} unknown, read as UTC")
                return moment
        if candidates:
            notes.append(f"date: {what} {candidates[0][:60]!r} cannot be read")
        return None

    def _authors(self, entry: ParsedEntry) -> tuple[Person, ...]:
        people = entry.authors or self.parsed.authors
        return tuple(
            Person(
                html.visible(person.name), urls.absolute(person.uri, self.base) if person.uri else None, person.email
            )
            for person in people[: self.limits.people]
        )


_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.\-]*:")


def _alternate(entry: ParsedEntry) -> ParsedLink | None:
    """The entry's page: an HTML alternate, any alternate, a permanent guid, content kept elsewhere."""
    alternates = [link for link in entry.links if link.rel == "alternate"]
    for link in alternates:
        if (link.type or "text/html").strip().lower() in _PAGE_TYPES:
            return link
    if alternates:
        return alternates[0]
    if entry.id and entry.id_is_link and entry.id.lower().startswith(("http://", "https://")):
        return ParsedLink(entry.id, base=entry.base)
    return next((link for link in entry.links if link.rel == "content"), None)


def _id_as_link(entry: ParsedEntry) -> ParsedLink | None:
    """An Atom id that is an address, where an entry names no page: most such ids open it. Never a guid."""
    if entry.id and entry.id_may_be_link and entry.id.lower().startswith(("http://", "https://")):
        return ParsedLink(entry.id, base=entry.base)
    return None


def _title_from_text(text: str) -> str:
    """A note without a title is known by its beginning."""
    return html.excerpt(text.split("\n", 1)[0], 100)


def _categories(categories: tuple[Category, ...], limits: Limits) -> tuple[Category, ...]:
    found: dict[tuple[str, str | None], Category] = {}
    for category in categories:
        term = category.term
        if "<" in term or "&" in term or len(term) > 200 or not term.isprintable():
            term = " ".join(html.to_text(term[:1000]).split())[:200]
        if term and len(found) < limits.categories:
            same = term == category.term
            found.setdefault((term, category.scheme), category if same else replace(category, term=term))
    return tuple(found.values())


def _count(text: str | None) -> int | None:
    """A number of bytes or comments; None for what is no number."""
    digits = (text or "").strip().replace(",", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else None


def _media_type(text: str | None) -> str | None:
    kind = (text or "").strip().lower()
    return kind if re.fullmatch(r"[a-z0-9.+\-]{1,60}/[a-z0-9.+\-*]{1,80}(?:;.{0,100})?", kind) else None


def _kept(raw: RawText | None, base: str | None, limits: Limits) -> RawText | None:
    """The raw text with the base it needs, so that it can be cleaned again without its document."""
    if raw is None:
        return None
    return RawText(raw.value[: limits.field], raw.type, raw.base or base)


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
        title = _title_from_text(html.to_text(summary) or text)
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
