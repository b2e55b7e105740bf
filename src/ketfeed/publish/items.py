"""What one stored entry says in a feed: title, text as far as its source allows, attribution, and why it is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from ketfeed.model import Entry, Reason
from ketfeed.publish.document import Attachment, Coverage, Item, Label, Name, Origin, TopicLabel
from ketfeed.publish.wording import (
    canonical,
    escape,
    escape_attribute,
    fragment,
    language,
    media_type,
    plain,
    shorten,
    web_address,
)
from ketfeed.store.records import StoredEntry

TITLE_LIMIT = 1000  # characters, as at storage
REASONS_SHOWN = 3  # per topic, at the foot of the content and as links
COVERAGE_SHOWN = 10  # other reports named

PLAUSIBLE = 1990  # year; an earlier date in a feed is a clock that was never set

_FIELD_WORDS = {
    "title": "in the title",
    "summary": "in the summary",
    "content": "in the text",
    "category": "among its categories",
    "link": "in its address",
}

_REGISTRIES = {
    "doi": "https://doi.org/{}",
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/{}/",
    "pmcid": "https://pmc.ncbi.nlm.nih.gov/articles/{}/",
    "nct": "https://clinicaltrials.gov/study/{}",
    "euct": "https://euclinicaltrials.eu/ctis-public/view/{}",
    "isrctn": "https://www.isrctn.com/{}",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the site is and what its topics are called."""

    base_url: str  # without a slash at its end
    topics: Mapping[str, str]  # id → title, in the order of topics.yaml
    page_sources: frozenset[str] = frozenset()  # ids of sources that are pages or sitemaps

    def topic_page(self, topic: str) -> str:
        return f"{self.base_url}/topics/{quote(topic)}/"

    def entry_page(self, entry: str) -> str:
        return f"{self.base_url}/entries/{quote(entry)}/"


def item(stored: StoredEntry, place: Place) -> Item:
    """The item of a stored entry; pure, so equal input gives equal bytes."""
    entry, origin = stored.entry, _origin(stored, place)
    page = place.entry_page(entry.id)
    url = web_address(entry.link or "") or page
    sort_at = stored.sort_at if stored.sort_at.year >= PLAUSIBLE else stored.first_seen
    published = sort_at.replace(microsecond=0)
    topics = _topics(stored, place)
    summary = _summary(stored, origin)
    also = _coverage(stored, place)
    identifiers = _identifiers(stored)
    foot = _foot(stored, url, page, origin, topics, also, identifiers)
    return Item(
        id=f"urn:uuid:{stored.public_id}",
        title=title_of(entry, origin.title),
        url=url,
        page=page,
        published=published,
        updated=_updated(stored, published),
        authors=_authors(entry, origin),
        summary=summary,
        content=_content(stored, summary) + foot,
        short=f"<p>{escape(summary)}</p>{foot}",
        topics=topics,
        categories=_categories(entry, topics, place),
        attachments=_attachments(entry),
        image=web_address(entry.image.url) if entry.image and stored.source.publish != "link" else None,
        language=language(entry.language) or language(stored.source.language),
        comments=web_address(entry.comments_link or ""),
        identifiers=identifiers,
        kind=stored.tagging.kind,
        first_seen=stored.first_seen.replace(microsecond=0),
        facts=tuple((plain(name), plain(value)) for name, value in stored.tagging.facts),
        origin=origin,
        also=also,
        rights=plain(entry.rights or stored.source.licence or "") or None,
    )


def title_of(entry: Entry, source_title: str) -> str:
    """The title, else the beginning of the text, else whose entry it is; never empty."""
    title = shorten(plain(entry.title), TITLE_LIMIT)
    return title or shorten(plain(entry.excerpt or entry.text), 80) or f"Untitled entry of {source_title}"


def _updated(stored: StoredEntry, published: datetime) -> datetime:
    """The source's own update where it is no later than the change we saw, else that change if there was one."""
    seen = stored.changed_at.replace(microsecond=0)
    said = stored.entry.updated.replace(microsecond=0) if stored.entry.updated else None
    if said is not None and published <= said <= seen:
        return said
    edited = stored.changed_at > stored.first_seen
    return max(published, seen) if edited else published


def _origin(stored: StoredEntry, place: Place) -> Origin:
    source = stored.source
    feed = web_address(source.url)
    homepage = web_address(source.homepage or "")
    return Origin(
        id=source.id,
        title=plain(source.title) or source.id,
        homepage=homepage or (feed if source.id in place.page_sources else None),
        feed=None if source.id in place.page_sources else feed,
        identity=canonical(feed) if feed else f"{place.base_url}/feeds/source/{quote(source.id)}/",
        rights=plain(source.licence or "") or None,
    )


def _authors(entry: Entry, origin: Origin) -> tuple[Name, ...]:
    names: dict[str, Name] = {}
    for person in entry.authors:
        name = shorten(plain(person.name), 200).replace("@", " at ")  # readers take a name with @ for an address
        if name:
            names.setdefault(name, Name(name, web_address(person.uri or "")))
    return tuple(names.values()) or (Name(origin.title.replace("@", " at "), origin.homepage),)


def _topics(stored: StoredEntry, place: Place) -> tuple[TopicLabel, ...]:
    found = []
    for match in stored.tagging.matches:
        if match.topic in place.topics:
            words = dict.fromkeys(reason_words(reason) for reason in match.reasons[:REASONS_SHOWN])
            found.append(
                TopicLabel(match.topic, place.topics[match.topic], place.topic_page(match.topic), tuple(words))
            )
    return tuple(found)


def reason_words(reason: Reason) -> str:
    """A reason as a person would say it: “post-traumatic stress” in the title."""
    if reason.field == "source":
        return "a topic of every entry of this source"
    if reason.field == "edit":
        return "added by an editor"
    if reason.field == "kind":
        return f"its kind is {plain(reason.text).replace('-', ' ')}"
    text = shorten(plain(reason.text) or plain(reason.term), 120)
    return f"“{text}” {_FIELD_WORDS.get(reason.field, reason.field)}"


def _categories(entry: Entry, topics: tuple[TopicLabel, ...], place: Place) -> tuple[Label, ...]:
    labels = [Label(topic.id, topic.title, f"{place.base_url}/topics/") for topic in topics]
    seen = {label.label.casefold() for label in labels}
    for category in entry.categories:
        term = shorten(plain(category.term), 200)
        label = shorten(plain(category.label or ""), 200) or term
        term = term or label
        if term and label.casefold() not in seen:
            seen.add(label.casefold())
            labels.append(Label(term, label, web_address(category.scheme or "")))
    return tuple(labels)


def _attachments(entry: Entry) -> tuple[Attachment, ...]:
    found: dict[str, Attachment] = {}
    for enclosure in entry.enclosures:
        url = web_address(enclosure.url)
        if url:
            length = enclosure.length or 0
            found.setdefault(url, Attachment(url, media_type(enclosure.type, url), max(0, length)))
    return tuple(found.values())


def _identifiers(stored: StoredEntry) -> tuple[tuple[str, str], ...]:
    found = []
    for name in dict.fromkeys((*stored.tagging.identifiers, *stored.entry.identifiers)):
        registry, _, value = plain(name).partition(":")
        if value and registry in _REGISTRIES:
            found.append((f"{registry}:{value}", _REGISTRIES[registry].format(quote(value, safe="/().;:-_"))))
    return tuple(found)


def _coverage(stored: StoredEntry, place: Place) -> tuple[Coverage, ...]:
    return tuple(
        Coverage(
            shorten(plain(member.title), TITLE_LIMIT) or plain(member.source_title) or member.source_id,
            web_address(member.link or "") or place.entry_page(member.id),
            plain(member.source_title) or member.source_id,
        )
        for member in stored.also[:COVERAGE_SHOWN]
    )


# ---------------------------------------------------------------- text


def _summary(stored: StoredEntry, origin: Origin) -> str:
    if stored.source.publish != "link":
        excerpt = plain(stored.entry.excerpt)
        if excerpt:
            return excerpt
    return f"Read it at {origin.title}."


def _content(stored: StoredEntry, summary: str) -> str:
    if stored.source.publish == "full":
        text = fragment(stored.entry.content or stored.entry.summary)
        if text:
            return text if text.startswith("<") else f"<div>{text}</div>"
    return f"<p>{escape(summary)}</p>" if stored.source.publish != "link" else ""


def _foot(
    stored: StoredEntry,
    url: str,
    page: str,
    origin: Origin,
    topics: tuple[TopicLabel, ...],
    also: tuple[Coverage, ...],
    identifiers: tuple[tuple[str, str], ...],
) -> str:
    source = _link(origin.homepage, origin.title) if origin.homepage else escape(origin.title)
    lines = [f"{_link(url, 'Read it')} at {source}."]
    if stored.entry.published is None and stored.entry.updated is None:
        lines[0] += " The source gives no date; this is when it was first seen."
    if also:
        reports = "; ".join(f"{_link(report.url, report.title)} ({escape(report.source)})" for report in also)
        lines.append(f"Also covered by: {reports}.")
    if identifiers:
        lines.append(" · ".join(_link(address, name) for name, address in identifiers))
    if topics:
        why = "; ".join(f"{_link(topic.url, topic.title)}: {escape(', '.join(topic.reasons))}" for topic in topics)
        lines.append(f"Why it is here: {why}. {_link(page, 'More about this entry')}")
    return "<hr>" + "".join(f"<p><small>{line}</small></p>" for line in lines)


def _link(address: str, text: str) -> str:
    return f'<a href="{escape_attribute(address)}">{escape(text)}</a>'
