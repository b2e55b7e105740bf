"""The editors' feed: one item for each change in how a source is doing. Never part of a public feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote
from uuid import uuid5

from ketfeed.model import FeedQuery, HealthState, SourceState
from ketfeed.publish.document import Document, Item, Label, Name, Origin
from ketfeed.publish.feeds import EPOCH, Publisher
from ketfeed.publish.select import FEED_NAMESPACE, Feed
from ketfeed.publish.wording import escape, escape_attribute, plain, web_address

LIMIT = 100  # items

WORDS: dict[HealthState, str] = {
    "new": "has not been visited yet",
    "healthy": "is healthy again",
    "quiet": "has gone quiet: nothing new for longer than it usually takes",
    "failing": "keeps failing",
    "blocked": "does not want our visits",
    "moved": "has moved for good",
    "gone": "is gone (410): it is not visited until an editor resumes it",
    "paused": "is paused",
}


def document(publisher: Publisher, states: Sequence[SourceState]) -> Document:
    """The operations feed: sources whose health is known, the latest change first."""
    feed = Feed(
        base="operations",
        group="all",
        title=f"Operations · {publisher.catalog.site.title}",
        description="How the sources are doing: one item for each change.",
        query=FeedQuery(limit=1),
    )
    told = [state for state in states if state.active and state.health != "new" and state.health_since is not None]
    told.sort(key=lambda state: (state.health_since or EPOCH, state.source_id), reverse=True)
    items = tuple(_item(publisher, state) for state in told[:LIMIT])
    shell = publisher.shell(feed)
    return replace(shell, items=items, updated=max((item.updated for item in items), default=EPOCH), hubs=())


def _item(publisher: Publisher, state: SourceState) -> Item:
    titles = {source.id: plain(source.title) for source in publisher.catalog.sources}
    title = titles.get(state.source_id) or state.source_id
    since = (state.health_since or EPOCH).replace(microsecond=0)
    page = f"{publisher.base_url}/feeds/source/{quote(state.source_id)}/"
    site = plain(publisher.catalog.site.title) or "ketfeed"
    facts = [f"{title} {WORDS[state.health]}, since {since.day} {since:%B %Y, %H:%M} UTC."]
    if state.last_error and state.health in ("failing", "blocked", "gone"):
        facts.append(f"The last error: {plain(state.last_error)}")
    if state.health == "moved" and state.moved_to:
        facts.append(f"It answers from {plain(state.moved_to)}; `ketfeed sources moved` proposes the change.")
    if state.health == "quiet" and state.newest_at:
        facts.append(f"Its newest entry is of {state.newest_at.day} {state.newest_at:%B %Y}.")
    if state.alternative:
        facts.append(f"Its site has another feed, {plain(state.alternative)}: {plain(state.alternative_how)}.")
    address = web_address(state.url)
    link = f'<a href="{escape_attribute(address)}">{escape(address)}</a>' if address else escape(plain(state.url))
    return Item(
        id=f"urn:uuid:{uuid5(FEED_NAMESPACE, f'health {state.source_id} {state.health} {since.isoformat()}')}",
        title=f"{title}: {state.health}",
        url=page,
        page=page,
        published=since,
        updated=since,
        authors=(Name(site),),
        summary=" ".join(facts),
        content="".join(f"<p>{escape(fact)}</p>" for fact in facts) + f"<p>{link}</p>",
        categories=(Label(state.health, state.health),),
        kind="operations",
        origin=Origin("ketfeed", site, f"{publisher.base_url}/", None, f"{publisher.base_url}/"),
    )
