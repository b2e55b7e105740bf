"""The editors' feed: one item for each change in how a source is doing. Never part of a public feed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote
from uuid import uuid5

from ketfeed.model import FeedQuery, HealthSpell, HealthState, SourceState
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
    """The operations feed: each change of state of each source, the latest first."""
    feed = Feed(
        base="operations",
        group="all",
        title=f"Operations · {publisher.catalog.site.title}",
        description="How the sources are doing: one item for each change.",
        query=FeedQuery(limit=1),
    )
    told = [(spell, state) for state in states if state.active for spell in _spells(state)]
    told.sort(key=lambda one: (one[0].since, one[1].source_id), reverse=True)
    items = tuple(_item(publisher, state, spell) for spell, state in told[:LIMIT])
    shell = publisher.shell(feed)
    return replace(shell, items=items, updated=max((item.updated for item in items), default=EPOCH), hubs=())


def _spells(state: SourceState) -> tuple[HealthSpell, ...]:
    """How a source is doing and was doing before, newest first; being new is no news."""
    if state.health == "new" or state.health_since is None:
        return state.spells
    return (HealthSpell(state.health, state.health_since, state.last_error), *state.spells)


def _item(publisher: Publisher, state: SourceState, spell: HealthSpell) -> Item:
    """One change. What a poll may find out later is told of the state a source is in, not of one that has ended."""
    is_over = spell.since != state.health_since
    titles = {source.id: plain(source.title) for source in publisher.catalog.sources}
    title = titles.get(state.source_id) or state.source_id
    since = spell.since.replace(microsecond=0)
    page = f"{publisher.base_url}/feeds/source/{quote(state.source_id)}/"
    site = plain(publisher.catalog.site.title) or "ketfeed"
    facts = [f"{title} {WORDS[spell.health]}, since {since.day} {since:%B %Y, %H:%M} UTC."]
    if spell.error and spell.health in ("failing", "blocked", "gone"):
        facts.append(f"The last error: {plain(spell.error)}")
    if spell.health == "moved" and state.moved_to and not is_over:
        facts.append(f"It answers from {plain(state.moved_to)}; `ketfeed sources moved` proposes the change.")
    if spell.health == "quiet" and state.newest_at and not is_over:
        facts.append(f"Its newest entry is of {state.newest_at.day} {state.newest_at:%B %Y}.")
    if state.alternative and not is_over:
        facts.append(f"Its site has another feed, {plain(state.alternative)}: {plain(state.alternative_how)}.")
    address = web_address(state.url)
    link = f'<a href="{escape_attribute(address)}">{escape(address)}</a>' if address else escape(plain(state.url))
    return Item(
        id=f"urn:uuid:{uuid5(FEED_NAMESPACE, f'health {state.source_id} {spell.health} {since.isoformat()}')}",
        title=f"{title}: {spell.health}",
        url=page,
        page=page,
        published=since,
        updated=since,
        authors=(Name(site),),
        summary=" ".join(facts),
        content="".join(f"<p>{escape(fact)}</p>" for fact in facts) + f"<p>{link}</p>",
        categories=(Label(spell.health, spell.health),),
        kind="operations",
        origin=Origin("ketfeed", site, f"{publisher.base_url}/", None, f"{publisher.base_url}/"),
    )
