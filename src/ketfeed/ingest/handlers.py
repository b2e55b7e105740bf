"""Elements with rules of their own: what opening and closing each of them does to the slots of ``elements.py``.

``STARTS`` and ``ENDS`` are the table: element → handler, given the reader it works on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ketfeed.ingest.parsed import ParsedImage, ParsedLink
from ketfeed.model import Category

if TYPE_CHECKING:
    from ketfeed.ingest.elements import Attributes, Elements


def _start_link(self: Elements, attrs: Attributes) -> None:
    href = attrs.get("href") or attrs.get("url") or attrs.get("uri")
    rel = (attrs.get("rel") or "alternate").strip().lower()
    rel = rel.removeprefix("http://www.iana.org/assignments/relation/")
    self.context["pending_link"] = (rel, attrs.get("type"), attrs.get("length"), attrs.get("title", ""))
    if rel == "replies" and (count := attrs.get("thr:count") or attrs.get("count")):
        self.context["extra"].setdefault("thr_count", (self.depth, count))  # RFC 4685 section 4
    if href is not None and href.strip():
        _add_link(self, href.strip())
    self.push("link", 1)


def _end_link(self: Elements) -> None:
    value = self.pop("link")
    if value and "pending_link" in self.context:
        _add_link(self, value)
    self.context.pop("pending_link", None)


def _add_link(self: Elements, href: str) -> None:
    rel, kind, length, title = self.context.pop("pending_link")
    links: list[ParsedLink] = self.context["enclosures" if rel == "enclosure" else "links"]
    if len(links) < 200:
        links.append(ParsedLink(href, rel, kind, self.baseuri, length, title))


def _start_guid(self: Elements, attrs: Attributes) -> None:
    self.context["guid_rule"] = attrs.get("ispermalink", "").strip().lower()
    self.push("guid", 1)


def _end_guid(self: Elements) -> None:
    value = self.pop("guid")
    if value and "id" not in self.context:
        self.context["id"] = (self.depth, value)
        self.context["id_is_link"] = self.context.get("guid_rule", "") != "false"
        self.context["id_base"] = self.baseuri


def _end_id(self: Elements) -> None:
    value = self.pop("id")
    if value and ("id" not in self.context or self.depth < self.context["id"][0]):
        self.context["id"] = (self.depth, value)


def _start_enclosure(self: Elements, attrs: Attributes) -> None:
    href = (attrs.get("url") or attrs.get("href") or attrs.get("rdf:resource") or "").strip()
    enclosures: list[ParsedLink] = self.context["enclosures"]
    if href and len(enclosures) < 200:
        kind, length = attrs.get("type") or attrs.get("enc:type"), attrs.get("length") or attrs.get("enc:length")
        enclosures.append(ParsedLink(href, "enclosure", kind, self.baseuri, length))
    self.push("enclosure", 0)


def _start_category(self: Elements, attrs: Attributes, scheme: str | None = None) -> None:
    self.context["pending_category"] = (
        attrs.get("term") or attrs.get("text"),
        attrs.get("scheme") or attrs.get("domain") or scheme,
        attrs.get("label"),
    )
    self.push("category", 1)


def _end_category(self: Elements) -> None:
    value = self.pop("category")
    term, scheme, label = self.context.pop("pending_category", (None, None, None))
    term = (term or value or label or "").strip()
    if term and len(self.context["categories"]) < 500:
        self.context["categories"].append(Category(term, scheme, label))


def _end_keywords(self: Elements, element: str, scheme: str | None = None) -> None:
    for word in (self.pop(element) or "")[:5000].split(","):
        if word.strip():
            self.context["categories"].append(Category(word.strip(), scheme))


def _start_media(self: Elements, attrs: Attributes) -> None:
    media: list[dict[str, str]] = self.context["media"]
    if len(media) < 200:
        media.append({**attrs, "base": self.baseuri})
    self.push("media_content", 0)


def _start_thumbnail(self: Elements, attrs: Attributes) -> None:
    self.context["pending_thumbnail"] = attrs.get("url") or attrs.get("href")
    self.push("media_thumbnail", 1)


def _end_thumbnail(self: Elements) -> None:
    value = self.context.pop("pending_thumbnail", None) or self.pop("media_thumbnail")
    if self.elementstack and self.elementstack[-1][0] == "media_thumbnail":
        self.pop("media_thumbnail")
    if value and value.strip() and len(self.context["images"]) < 200:
        self.context["images"].append(ParsedImage(value.strip(), self.baseuri))


def _start_itunes_image(self: Elements, attrs: Attributes) -> None:
    href = attrs.get("href") or attrs.get("url")
    if href:
        self.context["itunes_image"] = ParsedImage(href.strip(), self.baseuri)
    self.push("itunes_image", 1)


def _end_itunes_image(self: Elements) -> None:
    value = self.pop("itunes_image")
    if value and "itunes_image" not in self.context:
        self.context["itunes_image"] = ParsedImage(value, self.baseuri)


def _start_source(self: Elements, attrs: Attributes) -> None:
    self.push("source", 1)
    self.enter("source")
    if url := attrs.get("url"):
        self.context["links"].append(ParsedLink(url, "self", None, self.baseuri))


def _end_source(self: Elements) -> None:
    self.leave()
    self.pop("source")


def _start_image(self: Elements, _attrs: Attributes) -> None:
    self.push("image", 1)
    self.enter("image")


def _end_image(self: Elements) -> None:
    image = self.context
    self.leave()
    text = self.pop("image")
    _, url = image["extra"].get("url") or image["extra"].get("href") or (0, text or "")
    if url and image is not self.context:
        titles = image["texts"].get("title") or [(0, "", "", "")]
        self.context["images"].append(ParsedImage(url, image["base"], titles[0][1]))


def _start_textinput(self: Elements, _attrs: Attributes) -> None:
    self.push("textinput", 0)
    self.enter("textinput")


def _end_textinput(self: Elements) -> None:
    self.leave()
    self.pop("textinput")


def _end_language(self: Elements, element: str) -> None:
    value = self.pop(element)
    if value:
        self.context["language"] = value.replace("_", "-")
        if self.context is self.channel and self.lang is None:
            self.lang = self.context["language"]
            self.langstack = [known or self.lang for known in self.langstack]


def _start_channel(self: Elements, attrs: Attributes) -> None:
    self.infeed = 1
    if self.context is not self.channel:
        self.end_item()
    self.channel_attributes(attrs)
    self.push("channel", 0)


def _end_channel(self: Elements) -> None:
    self.infeed = 0
    if self.elementstack and self.elementstack[-1][0] == "channel":
        self.elementstack.pop()


def _start_feed(self: Elements, _attrs: Attributes) -> None:
    self.infeed = 1
    self.channel["language"], self.channel["base"] = self.lang, self.baseuri
    self.push("feed", 0)


def _start_origlink(self: Elements, _attrs: Attributes) -> None:
    self.push("feedburner_origlink", 1)


def _end_origlink(self: Elements) -> None:
    value = self.pop("feedburner_origlink")
    if value:
        self.context["original_link"] = ParsedLink(value, "alternate", None, self.baseuri)


def _end_comments(self: Elements) -> None:
    value = self.pop("comments")
    if value:
        self.context["comments"] = ParsedLink(value, "replies", None, self.baseuri)


def _start_license(self: Elements, attrs: Attributes) -> None:
    self.push("license", 1)
    if resource := attrs.get("rdf:resource") or attrs.get("href"):
        self.context["extra"].setdefault("license", (self.depth, resource))


def _end_license(self: Elements) -> None:
    self.pop("license")


def _part_of_person(self: Elements, element: str, part: str) -> None:
    self.part_of_person(element, part)


_Start = Callable[["Elements"], Callable[[dict[str, str]], None] | None]
_End = Callable[["Elements"], Callable[[], None] | None]


def _bind(function: Callable[..., None], *extra: object) -> Callable[[Elements], Callable[..., None]]:
    return lambda self: lambda *attrs: function(self, *attrs, *extra)


STARTS: dict[str, _Start] = {
    "rss": _bind(_start_feed), "rdf_rdf": _bind(_start_feed), "rdf": _bind(_start_feed), "feed": _bind(_start_feed),
    "channel": _bind(_start_channel), "item": lambda self: self.begin_item, "entry": lambda self: self.begin_item,
    "link": _bind(_start_link), "guid": _bind(_start_guid), "enclosure": _bind(_start_enclosure),
    "enc_enclosure": _bind(_start_enclosure),
    "category": _bind(_start_category), "dc_subject": _bind(_start_category),
    "itunes_category": _bind(_start_category, "http://www.itunes.com/"),
    "media_category": _bind(_start_category, "http://search.yahoo.com/mrss/category_schema"),
    "media_content": _bind(_start_media), "media_thumbnail": _bind(_start_thumbnail),
    "itunes_image": _bind(_start_itunes_image), "googleplay_image": _bind(_start_itunes_image),
    "source": _bind(_start_source), "image": _bind(_start_image),
    "textinput": _bind(_start_textinput), "feedburner_origlink": _bind(_start_origlink),
    "cc_license": _bind(_start_license), "creativecommons_license": _bind(_start_license),
    "media_license": _bind(_start_license),
}  # fmt: skip
ENDS: dict[str, _End] = {
    "channel": _bind(_end_channel), "item": lambda self: self.end_item, "entry": lambda self: self.end_item,
    "link": _bind(_end_link), "guid": _bind(_end_guid), "id": _bind(_end_id),
    "category": _bind(_end_category), "dc_subject": _bind(_end_category),
    "itunes_category": _bind(_end_category), "media_category": _bind(_end_category),
    "keywords": _bind(_end_keywords, "keywords"),
    "itunes_keywords": _bind(_end_keywords, "itunes_keywords", "http://www.itunes.com/"),
    "media_keywords": _bind(_end_keywords, "media_keywords"),
    "prism_keyword": _bind(_end_keywords, "prism_keyword", "http://prismstandard.org/"),
    "media_thumbnail": _bind(_end_thumbnail), "itunes_image": _bind(_end_itunes_image),
    "googleplay_image": _bind(_end_itunes_image),
    "source": _bind(_end_source), "image": _bind(_end_image), "textinput": _bind(_end_textinput),
    "language": _bind(_end_language, "language"), "dc_language": _bind(_end_language, "dc_language"),
    "feedburner_origlink": _bind(_end_origlink), "comments": _bind(_end_comments),
    "cc_license": _bind(_end_license), "creativecommons_license": _bind(_end_license),
    "media_license": _bind(_end_license),
    "name": _bind(_part_of_person, "name", "name"),
    "itunes_name": _bind(_part_of_person, "itunes_name", "name"),
    "email": _bind(_part_of_person, "email", "email"),
    "itunes_email": _bind(_part_of_person, "itunes_email", "email"),
    "uri": _bind(_part_of_person, "uri", "uri"), "homepage": _bind(_part_of_person, "homepage", "uri"),
    "hour": lambda self: lambda: self.hours.append(self.pop("hour") or ""),
    "day": lambda self: lambda: self.days.append(self.pop("day") or ""),
}  # fmt: skip
