"""Elements with rules of their own: what opening and closing each of them does to the slots of ``elements.py``.

``STARTS`` and ``ENDS`` are the table: element → handler, given the reader it works on and the element's key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ketfeed.ingest.parsed import ParsedImage, ParsedLink
from ketfeed.ingest.people import read_person
from ketfeed.ingest.strings import looks_like_html, unwrap
from ketfeed.ingest.vocabulary import AUTHORS, DATES, IDENTIFIERS, TEXTS, XHTML
from ketfeed.model import Category, Person

if TYPE_CHECKING:
    from ketfeed.ingest.elements import Attributes, Elements, Text


# ---------------------------------------------------------------- texts, dates, people, identifiers


def _start_text(self: Elements, key: str, attrs: Attributes) -> None:
    self.incontent += 1
    kind = TEXTS[key]
    self.contentparams = params = {"type": kind, "base": self.baseuri}
    if attrs:
        if "type" in attrs:
            params["type"] = kind = _media_type(attrs["type"])
        if attrs.get("mode") == "base64" or not (kind.startswith("text/") or kind.endswith(("+xml", "/xml"))):
            params["base64"] = "yes"
        if key == "content" and (src := attrs.get("src")):
            self.context["links"].append(ParsedLink(src, "content", kind, self.baseuri))
    self.push(key)


def _media_type(written: str) -> str:
    """The type of an Atom text, ``html``, as the media type it is."""
    written = written.lower()
    return {"text": "text/plain", "plain": "text/plain", "html": "text/html", "xhtml": XHTML}.get(written, written)


def end_text(self: Elements, key: str) -> None:
    """A title, summary or content is complete."""
    self.incontent = max(0, self.incontent - 1)
    if not self.elementstack or self.elementstack[-1][0] != key:
        return
    params = self.contentparams
    kind = params.get("type", "text/html")
    if kind == XHTML:
        unwrap(self.elementstack[-1][2])
    value = self.pop(key)
    self.contentparams = {}
    if not value:
        return
    if kind == "text/plain" and not self.is_atom() and looks_like_html(value):
        kind = "text/html"  # RSS does not say; feeds do both
    texts: dict[str, list[Text]] = self.context["texts"]
    texts.setdefault(key, []).append((self.depth, value, kind, params.get("base", "")))


def _text(self: Elements, key: str, value: str) -> None:
    kind = TEXTS[key]
    if not value:
        return
    if kind == "text/plain" and not self.is_atom() and looks_like_html(value):
        kind = "text/html"
    texts: dict[str, list[Text]] = self.context["texts"]
    texts.setdefault(key, []).append((self.depth, value, kind, self.baseuri))


def _end_date(self: Elements, key: str) -> None:
    _date(self, key, self.pop(key))


def _date(self: Elements, key: str, value: str | None) -> None:
    slot = DATES[key]
    dates: dict[str, tuple[int, str]] = self.context["dates"]
    if value and (slot not in dates or self.depth < dates[slot][0]):
        dates[slot] = (self.depth, value[:200])


def _start_somebody(self: Elements, key: str, attrs: Attributes) -> None:
    self.person = {"role": attrs.get("role", "")}
    self.push(key)


def _end_somebody(self: Elements, key: str) -> None:
    text = self.pop(key) or ""
    parts, self.person = self.person or {}, None
    people: list[tuple[str, Person]] = self.context["people"]
    if len(people) >= self.limits.people:
        return
    role = AUTHORS[key]
    if role == "credit" and parts.get("role") == "author":
        role = "creator"
    if len(parts) == 1:  # its role alone
        if person := read_person(text):
            people.append((role, person))
        return
    uri, email = parts.get("uri"), (parts.get("email") or "").removeprefix("mailto:") or None
    name = parts.get("name", "")
    person = read_person(name or (text if not (uri or email) else ""), uri)
    if person is None and (email or uri):
        person = Person("", uri, email)
    if person is not None:
        if uri or email:
            person = Person(person.name, uri or person.uri, email or person.email)
        people.append((role, person))


PARTS = {
    "name": "name",
    "itunes_name": "name",
    "email": "email",
    "itunes_email": "email",
    "uri": "uri",
    "homepage": "uri",
}
"""Elements inside one that names somebody → what they say of the person."""


def _somebody(self: Elements, key: str, value: str) -> None:
    self.person = None
    people: list[tuple[str, Person]] = self.context["people"]
    if len(people) < self.limits.people and (person := read_person(value)):
        people.append((AUTHORS[key], person))


def _end_part_of_person(self: Elements, key: str) -> None:
    _part_of_person(self, key, self.pop(key))


def _part_of_person(self: Elements, key: str, value: str | None) -> None:
    if self.person is not None and value and PARTS[key] not in self.person:
        self.person[PARTS[key]] = value


def _end_identifier(self: Elements, key: str) -> None:
    value = self.pop(key)
    if value and len(self.context["identifiers"]) < 20:
        self.context["identifiers"].append((IDENTIFIERS[key], value[:500]))


# ---------------------------------------------------------------- links, labels, media, parts


def _start_link(self: Elements, _key: str, attrs: Attributes) -> None:
    self.push("link")
    if not attrs:
        self.context["pending_link"] = ("alternate", None, None, "")
        return
    href = attrs.get("href") or attrs.get("url") or attrs.get("uri")
    rel = (attrs.get("rel") or "alternate").strip().lower()
    rel = rel.removeprefix("http://www.iana.org/assignments/relation/")
    self.context["pending_link"] = (rel, attrs.get("type"), attrs.get("length"), attrs.get("title", ""))
    if rel == "replies" and (count := attrs.get("thr:count") or attrs.get("count")):
        self.context["extra"].setdefault("thr_count", (self.depth, count))  # RFC 4685 section 4
    if href is not None and href.strip():
        _add_link(self, href.strip())


def _end_link(self: Elements, _key: str) -> None:
    value = self.pop("link")
    if value and "pending_link" in self.context:
        _add_link(self, value)
    self.context.pop("pending_link", None)


def _link(self: Elements, _key: str, value: str) -> None:
    self.context.pop("pending_link", None)
    links: list[ParsedLink] = self.context["links"]
    if value and len(links) < 200:
        links.append(ParsedLink(value, "alternate", None, self.baseuri))


def _add_link(self: Elements, href: str) -> None:
    rel, kind, length, title = self.context.pop("pending_link")
    links: list[ParsedLink] = self.context["enclosures" if rel == "enclosure" else "links"]
    if len(links) < 200:
        links.append(ParsedLink(href, rel, kind, self.baseuri, length, title))


def _start_guid(self: Elements, _key: str, attrs: Attributes) -> None:
    self.context["guid_rule"] = attrs.get("ispermalink", "").strip().lower()
    self.push("guid")


def _end_guid(self: Elements, _key: str) -> None:
    value = self.pop("guid")
    if value and "id" not in self.context:
        self.context["id"] = (self.depth, value)
        self.context["id_is_link"] = self.context.get("guid_rule", "") != "false"
        self.context["id_base"] = self.baseuri


def _end_id(self: Elements, key: str) -> None:
    _id(self, key, self.pop("id"))


def _id(self: Elements, _key: str, value: str | None) -> None:
    if value and ("id" not in self.context or self.depth < self.context["id"][0]):
        self.context["id"] = (self.depth, value)


def _start_enclosure(self: Elements, _key: str, attrs: Attributes) -> None:
    href = (attrs.get("url") or attrs.get("href") or attrs.get("rdf:resource") or "").strip()
    enclosures: list[ParsedLink] = self.context["enclosures"]
    if href and len(enclosures) < 200:
        kind, length = attrs.get("type") or attrs.get("enc:type"), attrs.get("length") or attrs.get("enc:length")
        enclosures.append(ParsedLink(href, "enclosure", kind, self.baseuri, length))
    self.push("enclosure")


def _start_category(self: Elements, key: str, attrs: Attributes) -> None:
    scheme = SCHEMES.get(key)
    self.context["pending_category"] = (
        (
            attrs.get("term") or attrs.get("text"),
            attrs.get("scheme") or attrs.get("domain") or scheme,
            attrs.get("label"),
        )
        if attrs
        else (None, scheme, None)
    )
    self.push("category")


_NO_CATEGORY = (None, None, None)


def _end_category(self: Elements, _key: str) -> None:
    value = self.pop("category")
    term, scheme, label = self.context.pop("pending_category", _NO_CATEGORY)
    term = (term or value or label or "").strip()
    if term and len(self.context["categories"]) < 500:
        self.context["categories"].append(Category(term, scheme, label))


def _category(self: Elements, key: str, value: str) -> None:
    self.context.pop("pending_category", None)
    if value and len(self.context["categories"]) < 500:
        self.context["categories"].append(Category(value, SCHEMES.get(key)))


def _end_keywords(self: Elements, key: str) -> None:
    scheme = SCHEMES.get(key)
    for word in (self.pop(key) or "")[:5000].split(","):
        if word.strip():
            self.context["categories"].append(Category(word.strip(), scheme))


def _start_media(self: Elements, _key: str, attrs: Attributes) -> None:
    media: list[dict[str, str]] = self.context["media"]
    if len(media) < 200:
        media.append({**attrs, "base": self.baseuri})
    self.push("media_content")


def _start_thumbnail(self: Elements, _key: str, attrs: Attributes) -> None:
    self.context["pending_thumbnail"] = attrs.get("url") or attrs.get("href")
    self.push("media_thumbnail")


def _end_thumbnail(self: Elements, _key: str) -> None:
    value = self.context.pop("pending_thumbnail", None) or self.pop("media_thumbnail")
    if self.elementstack and self.elementstack[-1][0] == "media_thumbnail":
        self.pop("media_thumbnail")
    if value and value.strip() and len(self.context["images"]) < 200:
        self.context["images"].append(ParsedImage(value.strip(), self.baseuri))


def _start_itunes_image(self: Elements, _key: str, attrs: Attributes) -> None:
    href = attrs.get("href") or attrs.get("url")
    if href:
        self.context["itunes_image"] = ParsedImage(href.strip(), self.baseuri)
    self.push("itunes_image")


def _end_itunes_image(self: Elements, _key: str) -> None:
    value = self.pop("itunes_image")
    if value and "itunes_image" not in self.context:
        self.context["itunes_image"] = ParsedImage(value, self.baseuri)


def _start_source(self: Elements, _key: str, attrs: Attributes) -> None:
    self.push("source")
    self.enter("source")
    if url := attrs.get("url"):
        self.context["links"].append(ParsedLink(url, "self", None, self.baseuri))


def _end_source(self: Elements, _key: str) -> None:
    self.leave()
    self.pop("source")


def _start_image(self: Elements, _key: str, _attrs: Attributes) -> None:
    self.push("image")
    self.enter("image")


def _end_image(self: Elements, _key: str) -> None:
    image = self.context
    self.leave()
    text = self.pop("image")
    _, url = image["extra"].get("url") or image["extra"].get("href") or (0, text or "")
    if url and image is not self.context:
        titles = image["texts"].get("title") or [(0, "", "", "")]
        self.context["images"].append(ParsedImage(url, image["base"], titles[0][1]))


def _start_textinput(self: Elements, _key: str, _attrs: Attributes) -> None:
    self.push("textinput")
    self.enter("textinput")


def _end_textinput(self: Elements, _key: str) -> None:
    self.leave()
    self.pop("textinput")


def _end_language(self: Elements, key: str) -> None:
    value = self.pop(key)
    if value:
        self.context["language"] = value.replace("_", "-")
        if self.context is self.channel:
            self.speaks(self.context["language"])


def _start_channel(self: Elements, _key: str, attrs: Attributes) -> None:
    if self.context is not self.channel:
        self.end_item()
    self.channel_attributes(attrs)
    self.push("channel")


def _end_channel(self: Elements, _key: str) -> None:
    if self.elementstack and self.elementstack[-1][0] == "channel":
        self.elementstack.pop()


def _start_feed(self: Elements, _key: str, _attrs: Attributes) -> None:
    self.channel["language"], self.channel["base"] = self.lang, self.baseuri
    self.push("feed")


def _start_origlink(self: Elements, _key: str, _attrs: Attributes) -> None:
    self.push("feedburner_origlink")


def _end_origlink(self: Elements, _key: str) -> None:
    value = self.pop("feedburner_origlink")
    if value:
        self.context["original_link"] = ParsedLink(value, "alternate", None, self.baseuri)


def _end_comments(self: Elements, key: str) -> None:
    _comments(self, key, self.pop("comments"))


def _comments(self: Elements, _key: str, value: str | None) -> None:
    if value:
        self.context["comments"] = ParsedLink(value, "replies", None, self.baseuri)


def _start_license(self: Elements, _key: str, attrs: Attributes) -> None:
    self.push("license")
    if resource := attrs.get("rdf:resource") or attrs.get("href"):
        self.context["extra"].setdefault("license", (self.depth, resource))


def _end_license(self: Elements, _key: str) -> None:
    self.pop("license")


def _start_item(self: Elements, _key: str, attrs: Attributes) -> None:
    self.begin_item(attrs)


def _end_item(self: Elements, _key: str) -> None:
    self.end_item()


def _end_hour(self: Elements, key: str) -> None:
    self.hours.append(self.pop(key) or "")


def _end_day(self: Elements, key: str) -> None:
    self.days.append(self.pop(key) or "")


SCHEMES: Mapping[str, str] = {
    "itunes_category": "http://www.itunes.com/", "itunes_keywords": "http://www.itunes.com/",
    "media_category": "http://search.yahoo.com/mrss/category_schema", "prism_keyword": "http://prismstandard.org/",
}  # fmt: skip
"""What the labels of these elements are taken from, when they do not say."""

LEAVES: Mapping[str, Callable[[Elements, str, str], None]] = {
    **{key: _text for key, kind in TEXTS.items() if kind != XHTML}, **dict.fromkeys(DATES, _date),
    **dict.fromkeys(AUTHORS, _somebody), "link": _link, "category": _category, "dc_subject": _category,
    "comments": _comments, "id": _id, **dict.fromkeys(PARTS, _part_of_person),
}  # fmt: skip
"""The short way of an element that has its text and nothing else, no attribute and no element in it: as STARTS, its
text and ENDS."""

STARTS: Mapping[str, Callable[[Elements, str, Attributes], None]] = {
    **dict.fromkeys(TEXTS, _start_text), **dict.fromkeys(AUTHORS, _start_somebody),
    "rss": _start_feed, "rdf_rdf": _start_feed, "rdf": _start_feed, "feed": _start_feed,
    "channel": _start_channel, "item": _start_item, "entry": _start_item,
    "link": _start_link, "guid": _start_guid, "enclosure": _start_enclosure, "enc_enclosure": _start_enclosure,
    "category": _start_category, "dc_subject": _start_category, "itunes_category": _start_category,
    "media_category": _start_category, "media_content": _start_media, "media_thumbnail": _start_thumbnail,
    "itunes_image": _start_itunes_image, "googleplay_image": _start_itunes_image,
    "source": _start_source, "image": _start_image, "textinput": _start_textinput,
    "feedburner_origlink": _start_origlink,
    "cc_license": _start_license, "creativecommons_license": _start_license, "media_license": _start_license,
}  # fmt: skip
ENDS: Mapping[str, Callable[[Elements, str], None]] = {
    **dict.fromkeys(TEXTS, end_text), **dict.fromkeys(DATES, _end_date), **dict.fromkeys(AUTHORS, _end_somebody),
    **dict.fromkeys(IDENTIFIERS, _end_identifier), **dict.fromkeys(PARTS, _end_part_of_person),
    "channel": _end_channel, "item": _end_item, "entry": _end_item,
    "link": _end_link, "guid": _end_guid, "id": _end_id,
    "category": _end_category, "dc_subject": _end_category, "itunes_category": _end_category,
    "media_category": _end_category, "keywords": _end_keywords, "itunes_keywords": _end_keywords,
    "media_keywords": _end_keywords, "prism_keyword": _end_keywords, "media_thumbnail": _end_thumbnail,
    "itunes_image": _end_itunes_image, "googleplay_image": _end_itunes_image,
    "source": _end_source, "image": _end_image, "textinput": _end_textinput,
    "language": _end_language, "dc_language": _end_language,
    "feedburner_origlink": _end_origlink, "comments": _end_comments,
    "cc_license": _end_license, "creativecommons_license": _end_license, "media_license": _end_license,
    "hour": _end_hour, "day": _end_day,
}  # fmt: skip
