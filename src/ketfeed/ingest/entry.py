"""One item as the document has it becomes an Entry: identity, link, dates, texts, people, media; each repair a note."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import datetime

from ketfeed.ingest import html, urls
from ketfeed.ingest.dates import Order, knows_zone, read_date
from ketfeed.ingest.identifiers import stated
from ketfeed.ingest.limits import Limits
from ketfeed.ingest.parsed import ParsedEntry, ParsedFeed, ParsedImage, ParsedLink
from ketfeed.model import Category, Enclosure, Entry, Image, Person, RawText, Source, entry_id

PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml", "html", "xhtml"})
"""Media types of a link that leads to a page for people."""


class EntryReader:
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
        self.language = language_tag(parsed.language) or source.language

    def read(self, entry: ParsedEntry) -> Entry:
        """The entry as it would be stored."""
        limits, notes = self.limits, list(entry.notes)
        base = entry.base or self.base
        link, canonical, redirect = self._link(entry, base, notes)
        title = html.to_title(entry.title, limits, notes)
        summary = html.read_html(entry.summary, base, limits, notes, "summary")
        content = html.read_html(entry.content, base, limits, notes, "content")
        summary_text = summary.text
        text = content.text if content.markup else summary_text
        if not title:
            title = title_from_text(summary_text or text)
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
            summary=summary.markup,
            content=content.markup,
            excerpt=html.excerpt(summary_text or text),
            text=text,
            authors=self._authors(entry),
            published=published,
            updated=updated,
            categories=_categories(entry.categories, limits),
            enclosures=enclosures,
            image=self._image(entry, base, content, summary),
            language=self.language
            if entry.language == self.parsed.language
            else language_tag(entry.language) or self.language,
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
        return bare, urls.page_key(bare), redirect

    def _absolute(self, link: ParsedLink | None, base: str | None) -> str | None:
        return urls.absolute(link.href, link.base or base, self.limits.url) if link else None

    def _enclosures(self, entry: ParsedEntry, base: str | None) -> tuple[Enclosure, ...]:
        found: dict[str, Enclosure] = {}
        for link in entry.enclosures[: self.limits.enclosures]:
            url = self._absolute(link, base)
            if url:
                found.setdefault(url, Enclosure(url, _media_type(link.type), _count(link.length)))
        return tuple(found.values())

    def _image(
        self, entry: ParsedEntry, base: str | None, content: html.Fragment, summary: html.Fragment
    ) -> Image | None:
        """What the document names as the picture, else the first good one of the content."""
        for picture in entry.images:
            found = self._picture(picture, base)
            if found:
                return found
        return (html.first_image(content.markup) if content.pictures else None) or (
            html.first_image(summary.markup) if summary.pictures else None
        )

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
        return tuple([
            person
            if person.uri is None and person.name.isprintable()
            else Person(
                html.visible(person.name), urls.absolute(person.uri, self.base) if person.uri else None, person.email
            )
            for person in people[: self.limits.people]
        ])  # fmt: skip


_SCHEME = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.\-]*:")


def _alternate(entry: ParsedEntry) -> ParsedLink | None:
    """The entry's page: an HTML alternate, any alternate, a permanent guid, content kept elsewhere."""
    if len(entry.links) == 1 and entry.links[0].rel == "alternate":
        return entry.links[0]
    alternates = [link for link in entry.links if link.rel == "alternate"]
    for link in alternates:
        if (link.type or "text/html").strip().lower() in PAGE_TYPES:
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


def title_from_text(text: str) -> str:
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
    if raw is None or (len(raw.value) <= limits.field and (raw.base or not base)):
        return raw
    return RawText(raw.value[: limits.field], raw.type, raw.base or base)


def language_tag(tag: str | None) -> str | None:
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
