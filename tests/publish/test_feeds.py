"""Feeds from a real store: rendered once per change, dated honestly, served from the last good bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from tests.publish.judge import ATOM, HISTORY, complaints_about
from tests.publish.world import BASE, NOW, SOURCES, about, catalog, entry, open_store, poll, unlike

from ketfeed.errors import StoreError
from ketfeed.model import Edit, Site, Source
from ketfeed.publish.document import FORMATS
from ketfeed.publish.feeds import Entries, NoSuchFeed, Publisher, Rendered
from ketfeed.publish.push import Push
from ketfeed.publish.select import Feed, find
from ketfeed.store.db import Store

ALPHA, BETA, GAMMA = SOURCES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    poll(made, ALPHA, [(entry("old", published=NOW - timedelta(days=3)), about("ptsd"))], NOW - timedelta(days=2))
    yield made
    made.close()


def feed(key: str) -> Feed:
    found = find(catalog(), key)
    assert found is not None
    return found


def ids(rendered: Rendered) -> list[str]:
    return [item["id"] for item in json.loads(rendered.body)["items"]]


def test_an_entry_stands_in_the_feeds_of_its_topics_its_kind_its_source_and_all(store: Store) -> None:
    publisher = Publisher(store, catalog(), BASE)
    for key in ("all", "ptsd", "kind/news", "source/alpha"):
        assert ids(publisher.render(feed(key), "json", NOW)) == [f"urn:uuid:{entry('old').id}"]
    for key in ("pain", "kind/video", "source/beta"):
        assert ids(publisher.render(feed(key), "json", NOW)) == []


@pytest.mark.parametrize("key", ["all", "pain", "all/daily", "all/weekly", "all/archive/1", "source/gamma"])
def test_every_feed_is_valid_even_an_empty_one(store: Store, key: str) -> None:
    publisher = Publisher(store, catalog(), BASE)
    for form in FORMATS:
        assert complaints_about(publisher.render(feed(key), form, NOW).body, form) == []


def test_a_site_named_by_an_address_for_mail_is_no_author_with_one(store: Store) -> None:
    named = replace(catalog(), site=Site(title="editors@example.org", base_url=BASE))
    for form in FORMATS:
        body = Publisher(store, named, BASE).render(feed("all"), form, NOW).body
        assert (b"editors at example.org" in body) == (form != "rss")  # RSS names no site as author
        assert complaints_about(body, form) == []


def test_unchanged_entries_give_the_same_bytes_and_date_over_restarts(store: Store, tmp_path: Path) -> None:
    first = Publisher(store, catalog(), BASE, folder=tmp_path / "published").render(feed("all"), "atom", NOW)
    poll(store, BETA, [], NOW)
    again = Publisher(store, catalog(), BASE, folder=tmp_path / "published")
    assert again.render(feed("all"), "atom", NOW + timedelta(days=1)) == first


def test_last_modified_moves_forward_with_every_change_and_never_otherwise(store: Store, tmp_path: Path) -> None:
    publisher = Publisher(store, catalog(), BASE, folder=tmp_path / "published")
    before = publisher.render(feed("ptsd"), "rss", NOW)
    poll(store, ALPHA, [(entry("pain only"), about("pain"))], NOW)  # not in this feed
    assert publisher.render(feed("ptsd"), "rss", NOW + timedelta(hours=1)) == before
    poll(store, ALPHA, [(entry("new"), about("ptsd"))], NOW)
    changed = publisher.render(feed("ptsd"), "rss", before.last_modified)  # within the same second
    assert changed.body != before.body
    assert changed.etag != before.etag
    assert changed.last_modified > before.last_modified


def test_an_edited_entry_keeps_its_id_and_shows_when_it_was_updated(store: Store) -> None:
    publisher = Publisher(store, catalog(), BASE)
    before = json.loads(publisher.render(feed("all"), "json", NOW).body)["items"]
    edited = entry("old", published=NOW - timedelta(days=3), title="A better title")
    poll(store, ALPHA, [(edited, about("ptsd"))], NOW)
    after = json.loads(publisher.render(feed("all"), "json", NOW).body)["items"]
    assert [item["id"] for item in after] == [item["id"] for item in before]
    assert after[0]["title"] == "A better title"
    assert after[0]["date_published"] == before[0]["date_published"]
    assert after[0]["date_modified"] > before[0]["date_modified"]


def test_ids_do_not_depend_on_the_address_of_the_site_or_the_format(store: Store) -> None:
    here, elsewhere = Publisher(store, catalog(), BASE), Publisher(store, catalog(), "http://other.example/feeds")
    assert ids(here.render(feed("all"), "json", NOW)) == ids(elsewhere.render(feed("all"), "json", NOW))
    root = etree.fromstring(here.render(feed("all"), "atom", NOW).body)
    other = etree.fromstring(elsewhere.render(feed("all"), "atom", NOW).body)
    assert root.findtext(f"{ATOM}id") == other.findtext(f"{ATOM}id")


def test_one_source_never_fills_a_feed(store: Store) -> None:
    poll(store, ALPHA, [(entry(f"{n}"), about("ptsd")) for n in range(30)], NOW)
    poll(store, BETA, [(entry(f"{n}", "beta"), about("ptsd")) for n in range(3)], NOW)
    made = replace(catalog(max_per_source=5))
    told = json.loads(Publisher(store, made, BASE).render(feed("ptsd"), "json", NOW).body)["items"]
    sources = [item["_ketfeed"]["source"]["id"] for item in told]
    assert sources.count("alpha") == 5
    assert sources.count("beta") == 3


def test_the_last_good_bytes_are_served_while_the_store_is_gone(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    good = Publisher(store, catalog(), BASE, folder=folder).render(feed("all"), "rss", NOW)
    publisher = Publisher(store, catalog(), BASE, folder=folder)  # another process, nothing in memory
    store.close()
    (tmp_path / "ketfeed.db").rename(tmp_path / "away.db")
    publisher.store = Gone()
    assert publisher.render(feed("all"), "rss", NOW).body == good.body
    with pytest.raises(StoreError, match="has not been published before"):
        publisher.render(feed("pain"), "rss", NOW)


class Gone:
    """A store whose database cannot be read."""

    @property
    def entries(self) -> Entries:
        raise StoreError("The database is locked.")

    def version(self) -> int:
        raise StoreError("The database is locked.")


def test_a_bug_in_one_feed_leaves_its_subscribers_with_what_they_had(store: Store, tmp_path: Path) -> None:
    publisher = Publisher(store, catalog(), BASE, folder=tmp_path / "published")
    good = publisher.render(feed("all"), "atom", NOW)
    publisher.store = Broken()
    assert publisher.render(feed("all"), "atom", NOW) == good
    with pytest.raises(ZeroDivisionError):
        publisher.render(feed("pain"), "atom", NOW)


class Broken(Gone):
    """A store with a bug."""

    def version(self) -> int:
        return 1 // 0


def test_a_full_archive_page_never_changes_and_everything_is_in_some_page(store: Store, tmp_path: Path) -> None:
    publisher = Publisher(store, catalog(), BASE, folder=tmp_path / "published")
    for n in range(11):
        poll(store, ALPHA, [(entry(f"{n}-{m}"), about("pain")) for m in range(20)], NOW + timedelta(hours=n))
    page = publisher.render(feed("pain/archive/1"), "atom", NOW)
    assert complaints_about(page.body, "atom") == []
    root = etree.fromstring(page.body)
    assert root.find(f"{HISTORY}archive") is not None
    assert {link.get("rel") for link in root.findall(f"{ATOM}link")} == {
        "self",
        "alternate",
        "current",
        "next-archive",
    }, "the oldest page has none before it"
    poll(store, ALPHA, [(entry("0-0", title="Edited later"), about("pain"))], NOW + timedelta(days=2))
    poll(store, ALPHA, [(entry("newest"), about("pain"))], NOW + timedelta(days=2))
    restarted = Publisher(store, catalog(), BASE, folder=tmp_path / "published")
    assert restarted.render(feed("pain/archive/1"), "atom", NOW + timedelta(days=3)).body == page.body
    seen = set(ids(restarted.render(feed("pain"), "json", NOW)))
    address = json.loads(restarted.render(feed("pain"), "json", NOW).body).get("next_url")
    while address:
        body = restarted.render(feed(address.removeprefix(f"{BASE}/feeds/").removesuffix(".json")), "json", NOW).body
        seen |= {item["id"] for item in json.loads(body)["items"]}
        address = json.loads(body).get("next_url")
    assert len(seen) == 11 * 20 + 1, "a new subscriber can have the whole history"
    with pytest.raises(NoSuchFeed):
        restarted.render(feed("pain/archive/99"), "atom", NOW)
    with pytest.raises(NoSuchFeed):
        restarted.render(feed("kind/news/archive/1"), "atom", NOW)


def test_what_an_editor_hides_leaves_even_a_full_archive_page(store: Store, tmp_path: Path) -> None:
    publisher = Publisher(store, catalog(), BASE, folder=tmp_path / "published")
    for n in range(6):
        poll(store, ALPHA, [(entry(f"{n}-{m}"), about("pain")) for m in range(20)], NOW + timedelta(hours=n))
    first = publisher.render(feed("pain/archive/1"), "json", NOW)
    hidden = entry("0-3").id
    assert f"urn:uuid:{hidden}" in ids(first)
    store.edits.add(Edit(entry_id=hidden, action="hide", by="test", at=NOW, why="asked for"), NOW)
    after = publisher.render(feed("pain/archive/1"), "json", NOW)
    assert ids(after) == [one for one in ids(first) if one != f"urn:uuid:{hidden}"]


def test_a_digest_is_one_item_for_the_last_finished_day(store: Store) -> None:
    yesterday = NOW - timedelta(days=1)
    for source in SOURCES:
        told = [(entry(f"y{n}", source.id, published=yesterday), about("ptsd")) for n in range(2)]
        poll(store, source, told, yesterday)
    poll(store, ALPHA, [(entry("today", published=NOW), about("ptsd"))], NOW)
    publisher = Publisher(store, catalog(), BASE)
    (item,) = json.loads(publisher.render(feed("ptsd/daily"), "json", NOW).body)["items"]
    assert item["title"] == "PTSD, 23 November 2026: 6 stories"
    assert item["content_html"].count("<li>") == 6
    (later,) = json.loads(publisher.render(feed("ptsd/daily"), "json", NOW + timedelta(hours=3)).body)["items"]
    assert later == item, "the same all day"
    (tomorrow,) = json.loads(publisher.render(feed("ptsd/daily"), "json", NOW + timedelta(days=1)).body)["items"]
    assert tomorrow["id"] != item["id"]
    assert tomorrow["title"] == "PTSD, 24 November 2026: 1 story"


def test_a_hub_is_told_of_the_feeds_that_changed_and_no_others(store: Store) -> None:
    push = Push(Publisher(store, catalog(), BASE))
    assert push.changed() == []
    assert push.changed() == []
    poll(store, ALPHA, [(entry("new"), about("ptsd"))], NOW)
    changed = push.changed()
    assert f"{BASE}/feeds/ptsd.atom" in changed
    assert f"{BASE}/feeds/all.json" in changed
    assert f"{BASE}/feeds/pain.atom" not in changed
    assert push.changed() == []


def test_a_story_shows_its_other_reports_and_has_a_feed_of_its_own(store: Store) -> None:
    one, two = entry("one", title="FDA approves esketamine"), entry("two", "beta", title="Esketamine approved")
    poll(store, ALPHA, [(one, about("depression"))], NOW)
    poll(store, BETA, [(two, about("depression"))], NOW)
    store.edits.add(Edit(entry_id=two.id, action="join", value=one.id, by="test", at=NOW, why="same"), NOW)
    publisher = Publisher(store, catalog(), BASE)
    (item,) = json.loads(publisher.render(feed("depression"), "json", NOW).body)["items"]
    assert len(item["_ketfeed"]["also_covered_by"]) == 1
    assert "Also covered by: " in item["content_html"]
    root = etree.fromstring(publisher.render(feed("depression"), "atom", NOW).body)
    related = [link.get("href") for link in root.iter(f"{ATOM}link") if link.get("rel") == "related"]
    assert related == [item["_ketfeed"]["also_covered_by"][0]["url"]]
    story = feed(f"story/{item['id'].removeprefix('urn:uuid:')}")
    assert len(ids(publisher.render(story, "json", NOW))) == 2
    for form in FORMATS:
        assert complaints_about(publisher.render(story, form, NOW).body, form) == []
    with pytest.raises(NoSuchFeed):
        publisher.render(feed("story/00000000-0000-0000-0000-000000000000"), "atom", NOW)


@pytest.mark.parametrize(
    ("source", "summary", "body"),
    [
        (ALPHA, "What {} says in one sentence.", "<p>What <em>{}</em> says at length.</p>"),
        (BETA, "What {} says in one sentence.", "<p>What {} says in one sentence.</p>"),
        (GAMMA, "Read it at Gamma.", ""),
    ],
)
def test_a_source_decides_how_much_of_it_is_published(store: Store, source: Source, summary: str, body: str) -> None:
    poll(store, source, [(entry("x", source.id), about("pain"))], NOW)
    (item,) = json.loads(Publisher(store, catalog(), BASE).render(feed("pain"), "json", NOW).body)["items"]
    said = unlike(f"{source.id} x")
    assert item["summary"] == summary.format(said)
    shown, _, foot = item["content_html"].partition("<hr>")
    assert shown == body.format(said)
    assert "Why it is here: " in foot
    assert "“PAIN” in the title" in foot


def test_a_feed_stays_within_what_readers_take(store: Store) -> None:
    long = "<p>" + "ketamine & <b>more</b> " * 12_000 + "</p>"
    poll(store, ALPHA, [(entry(f"long {n}", content=long[: 20_000 * n]), about("pain")) for n in range(1, 14)], NOW)
    publisher = Publisher(store, catalog(), BASE)
    for form in FORMATS:
        body = publisher.render(feed("pain"), form, NOW).body
        assert len(body) < 2_000_000
        assert complaints_about(body, form) == []
    told = json.loads(publisher.render(feed("pain"), "json", NOW).body)["items"]
    assert len(told) == 13
    assert all("Why it is here: " in item["content_html"] for item in told)
