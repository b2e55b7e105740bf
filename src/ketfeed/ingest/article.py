"""An article's own page: what its metadata says of date, summary, picture and authors (Open Graph, JSON-LD, meta)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ketfeed.errors import NotAFeed
from ketfeed.ingest import html, jsonld, urls
from ketfeed.ingest.charset import decode
from ketfeed.ingest.dates import read_date
from ketfeed.ingest.limits import Document, Limits
from ketfeed.ingest.page import page_base, selector
from ketfeed.ingest.sitemap import TITLE_OF_ADDRESS
from ketfeed.model import Entry, Image, Person, RawText

PUBLISHED = (
    "//meta[@property='article:published_time']/@content",
    "//meta[@property='og:article:published_time']/@content",
    "//meta[@name='article:published_time']/@content",
    "JSON-LD datePublished",
    "//meta[@itemprop='datePublished']/@content",
    "//*[@itemprop='datePublished']/@datetime",
    "//meta[@name='citation_publication_date']/@content",
    "//meta[@name='citation_online_date']/@content",
    "//meta[@name='parsely-pub-date']/@content",
    "//meta[@name='sailthru.date']/@content",
    "//meta[translate(@name,'DCTERMSIU','dctermsiu')='dcterms.issued']/@content",
    "//meta[translate(@name,'DCATE','dcate')='dc.date']/@content",
    "//meta[@name='pubdate' or @name='publishdate' or @name='date']/@content",
    "//time[@pubdate]/@datetime",
    "//article//header//time/@datetime",
    "//article//time/@datetime",
    "//main//time/@datetime",
)
"""Where a page says when it was published, best first; the last three only stand in where nobody says it."""

SUMMARY = (
    "//meta[@property='og:description']/@content",
    "//meta[@name='description']/@content",
    "//meta[@name='twitter:description']/@content",
    "JSON-LD description",
    "//meta[@name='dc.description' or @name='DC.description' or @name='citation_abstract']/@content",
)
TITLE = ("//meta[@property='og:title']/@content", "JSON-LD headline", "//h1//text()", "//title//text()")
IMAGE = ("//meta[@property='og:image']/@content", "//meta[@name='twitter:image']/@content", "JSON-LD image")


def complete(document: Document, entry: Entry, now: datetime, limits: Limits) -> Entry:
    """The entry with what it lacks filled from its article's page; what it has stays.

    A date later than ``now`` is not a publication date of something that can be read. Raises NotAFeed when the page is
    none.
    """
    text, _ = decode(document.body, document.content_type, limits.decoded)
    if text.lstrip()[:1] != "<":
        raise NotAFeed("the article's address gives no HTML page")
    page = selector(text)
    base = page_base(page, urls.absolute(document.url) or entry.link or "")
    nodes = jsonld.articles(page.xpath("//script[contains(@type, 'ld+json')]/text()").getall())

    def say(places: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        for place in places:
            if place.startswith("JSON-LD "):
                found += [
                    value for node in nodes[:3] if (value := jsonld.text(node.get(place.removeprefix("JSON-LD "))))
                ]
            else:
                found += [str(value).strip() for value in page.xpath(place).getall()[:3] if str(value).strip()]
        return found

    notes = list(entry.notes)
    changed: dict[str, object] = {}
    if entry.published is None:
        moment = next((at for value in say(PUBLISHED) if (at := read_date(value[:100])) and at <= now), None)
        if moment is not None:
            changed["published"] = moment
            notes = [note for note in notes if not note.startswith("date: ")] + ["date: from the article's page"]
    if not entry.summary and not entry.content and (summaries := say(SUMMARY)):
        raw = RawText(summaries[0], "text", base)
        changed |= {"raw_summary": raw, "summary": html.to_html(raw, base, limits, notes, "summary")}
        plain = html.to_text(str(changed["summary"]))
        changed |= {"text": plain, "excerpt": html.excerpt(plain)}
        notes.append("summary: from the article's page")
    if (not entry.title or TITLE_OF_ADDRESS in notes) and (titles := say(TITLE)):
        raw = RawText(titles[0], "text", base)
        changed |= {"raw_title": raw, "title": html.to_title(raw, limits, notes)}
        notes = [note for note in notes if note != TITLE_OF_ADDRESS] + ["title: from the article's page"]
    if entry.image is None:
        picture = next((found for value in say(IMAGE) if (found := urls.absolute(value, base, limits.url))), None)
        changed["image"] = Image(picture) if picture else None
    if not entry.authors:
        names = [name for node in nodes[:1] for name in jsonld.names(node.get("author"))]
        names = names or say(("//meta[@name='author' or @property='article:author']/@content",))
        people = [Person(name[:200]) for name in dict.fromkeys(names) if not name.startswith(("http:", "https:"))]
        changed["authors"] = tuple(people[: limits.people])
    return replace(entry, notes=tuple(dict.fromkeys(notes)), **changed)  # type: ignore[arg-type]  # names are Entry's
