"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/), with what it has no word for in the extension ``_ketfeed``."""

from __future__ import annotations

import json

from ketfeed.publish.document import Document, Item
from ketfeed.publish.wording import timestamp


def jsonfeed(document: Document) -> bytes:
    """The document as JSON Feed 1.1, UTF-8."""
    feed = _present(
        version="https://jsonfeed.org/version/1.1",
        title=document.title,
        home_page_url=document.page,
        feed_url=document.addresses["json"],
        description=document.description,
        user_comment=(
            "This is a web feed. To subscribe, copy the address of this page into a feed reader: "
            "it will show you what is new."
        ),
        next_url=document.previous["json"] if document.previous else None,
        icon=document.icon,
        favicon=document.icon,
        authors=[{"name": document.site_title, "url": document.site_url}],
        language=document.language,
        hubs=[{"type": "WebSub", "url": hub} for hub in document.hubs],
        _ketfeed=_present(
            about=document.about,
            generator="ketfeed",
            id=document.id,
            updated=timestamp(document.updated),
            archive=document.archive or None,
            current_url=document.current["json"] if document.current else None,
            newer_url=document.next["json"] if document.next else None,
        ),
    )
    feed["items"] = [_item(item, document.about) for item in document.items]
    return json.dumps(feed, ensure_ascii=False, indent=1).encode()


def _item(item: Item, about: str) -> dict[str, object]:
    return _present(
        id=item.id,
        url=item.url,
        title=item.title,
        content_html=item.content,
        summary=item.summary,
        image=item.image,
        date_published=timestamp(item.published),
        date_modified=timestamp(item.updated),
        authors=[_present(name=name.name, url=name.uri) for name in item.authors],
        tags=[label.label for label in item.categories],
        language=item.language,
        attachments=[
            _present(url=one.url, mime_type=one.type, size_in_bytes=one.length or None) for one in item.attachments
        ],
        _ketfeed=_present(
            about=about,
            page=item.page,
            kind=item.kind,
            first_seen=timestamp(item.first_seen) if item.first_seen else None,
            facts=[{"name": name, "value": value} for name, value in item.facts],
            source=_present(
                id=item.origin.id,
                title=item.origin.title,
                home_page_url=item.origin.homepage,
                feed_url=item.origin.feed,
                rights=item.origin.rights,
            ),
            topics=[
                {"id": topic.id, "title": topic.title, "url": topic.url, "reasons": list(topic.reasons)}
                for topic in item.topics
            ],
            categories=[
                _present(term=label.term, label=label.label, scheme=label.scheme)
                for label in item.categories[len(item.topics) :]
            ],
            also_covered_by=[
                {"title": report.title, "url": report.url, "source": report.source} for report in item.also
            ],
            identifiers=[{"id": name, "url": address} for name, address in item.identifiers],
            comments_url=item.comments,
            rights=item.rights,
        ),
    )


def _present(**fields: object) -> dict[str, object]:
    """The fields that say something: JSON Feed leaves out what is unknown."""
    return {name: value for name, value in fields.items() if value not in (None, "", [])}
