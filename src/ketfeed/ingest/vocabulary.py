"""The names of elements in feeds, and what each of them is: a text, a date, somebody, an identifier.

Keys are ``prefix_name`` in lower case, with the prefix that NAMESPACES of ``parse.py`` gives to a namespace.
"""

from __future__ import annotations

from collections.abc import Mapping

XHTML = "application/xhtml+xml"
HTML_TYPES = frozenset({"text/html", XHTML})

TEXTS: Mapping[str, str] = {
    "title": "text/plain",
    "dc_title": "text/plain",
    "media_title": "text/plain",
    "itunes_title": "text/plain",
    "description": "text/html",
    "dc_description": "text/html",
    "dcterms_abstract": "text/html",
    "abstract": "text/html",
    "media_description": "text/html",
    "itunes_summary": "text/html",
    "itunes_subtitle": "text/plain",
    "googleplay_description": "text/html",
    "summary": "text/plain",
    "subtitle": "text/plain",
    "tagline": "text/plain",
    "content": "text/plain",
    "content_encoded": "text/html",
    "fullitem": "text/html",
    "body": XHTML,
    "xhtml_body": XHTML,
    "rights": "text/plain",
    "copyright": "text/plain",
    "dc_rights": "text/plain",
    "dcterms_rights": "text/plain",
    "media_copyright": "text/plain",
}
"""Elements that hold text or markup, and the media type they have when they do not say."""

DATES: Mapping[str, str] = {
    "pubdate": "pubdate",
    "published": "published",
    "issued": "issued",
    "created": "created",
    "date": "dc_date",  # RSS 1.0 without the prefix
    "dc_date": "dc_date",
    "dc_created": "dcterms_created",
    "dc_issued": "dcterms_issued",
    "dc_modified": "dcterms_modified",
    "dcterms_date": "dc_date",
    "dcterms_created": "dcterms_created",
    "dcterms_issued": "dcterms_issued",
    "dcterms_modified": "dcterms_modified",
    "prism_publicationdate": "prism_date",
    "prism_coverdate": "prism_coverdate",
    "updated": "updated",
    "modified": "modified",
    "lastbuilddate": "lastbuilddate",
}
"""Date elements → the slot that keeps the string as written."""

IDENTIFIERS: Mapping[str, str] = {
    "dc_identifier": "dc:identifier",
    "dcterms_identifier": "dcterms:identifier",
    "prism_doi": "prism:doi",
    "prism_url": "prism:url",
}

AUTHORS: Mapping[str, str] = {
    "author": "author",
    "dc_creator": "creator",
    "dc_author": "creator",
    "dcterms_creator": "creator",
    "itunes_author": "itunes",
    "googleplay_author": "itunes",
    "managingeditor": "editor",
    "webmaster": "publisher",
    "dc_publisher": "publisher",
    "itunes_owner": "publisher",
    "contributor": "contributor",
    "dc_contributor": "contributor",
    "media_credit": "credit",
}
"""Elements that name somebody → what they did."""

ROOTS = frozenset({"rss", "rdf_rdf", "rdf", "feed", "entry", "channel", "item", "redirect"})
"""Root elements of the formats ketfeed reads; ``redirect`` is Userland's notice that a feed has moved."""

ITEM_ELEMENTS = frozenset({"pubdate", "guid", "description", "content_encoded", "dc_date", "dc_creator"})
"""In an ill-formed RSS document these end a title or description that nobody closed."""

EXTRAS = frozenset({
    "newlocation", "itunes_new-feed-url", "generator", "ttl", "sy_updateperiod", "sy_updatefrequency", "slash_comments",
    "thr_total", "thr_count", "license", "url", "href",
})  # fmt: skip
"""Elements without rules of their own whose text is kept as it stands; of all others it is let go."""
