from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.making import ALL, DAY, HOUR, NOW, catalog, entry, retitled, save, source, tags, titles, write

from ketfeed.errors import StoreError, UsageError
from ketfeed.model import Edit, EditAction, FeedQuery
from ketfeed.store.db import Store
from ketfeed.store.decisions import ACTIONS, decided, edit_read, edit_text, overrule
from ketfeed.store.retagging import all_retagged

PTSD = FeedQuery(topics=("ptsd",))
PAIN = FeedQuery(topics=("pain",))


def decide(store: Store, number: int, action: EditAction, value: str | None = None, of: str = "news") -> Edit:
    edit = Edit(
        entry_id=entry(number, of).id, action=action, value=value, by="Ada", at=NOW + HOUR, why="seen by a reader"
    )
    return store.edits.add(edit)


@pytest.fixture
def filled(store: Store) -> Store:
    """Three entries about ptsd, and one that is not relevant."""
    wide = source("wide", relevance="filter")
    save(
        store,
        write([entry(number) for number in (1, 2, 3)], [tags("ptsd") for _ in range(3)]),
        write([entry(9, of="wide")], [tags(relevant=False)], of=wide),
    )
    return store


def test_a_hidden_entry_is_in_no_feed_until_it_is_shown_again(filled: Store) -> None:
    decide(filled, 2, "hide")
    assert titles(filled) == titles(filled, PTSD) == ["Title 1 of news", "Title 3 of news"]
    assert filled.entries.get(entry(2).id).hidden
    decide(filled, 2, "unhide")
    assert titles(filled, PTSD) == ["Title 1 of news", "Title 2 of news", "Title 3 of news"]


def test_a_pinned_entry_is_public_whatever_the_rules_say(filled: Store) -> None:
    decide(filled, 9, "pin", of="wide")
    assert titles(filled, FeedQuery(pinned=True)) == ["Title 9 of wide"]
    assert "Title 9 of wide" in titles(filled)
    decide(filled, 9, "unpin", of="wide")
    assert titles(filled, FeedQuery(pinned=True)) == []
    assert "Title 9 of wide" not in titles(filled)


def test_hide_is_stronger_than_pin(filled: Store) -> None:
    decide(filled, 1, "pin")
    decide(filled, 1, "hide")
    assert "Title 1 of news" not in titles(filled)


def test_topics_are_given_and_taken(filled: Store) -> None:
    decide(filled, 1, "remove-topic", "ptsd")
    decide(filled, 2, "add-topic", "pain")
    assert titles(filled, PTSD) == ["Title 2 of news", "Title 3 of news"]
    [stored] = filled.entries.select(PAIN)
    assert [match.topic for match in stored.tagging.matches] == ["ptsd", "pain"]
    [reason] = stored.tagging.matches[1].reasons
    assert (reason.field, reason.text) == ("edit", "seen by a reader")
    assert [match.topic for match in stored.rule_tagging.matches] == ["ptsd"]


def test_a_kind_is_set(filled: Store) -> None:
    decide(filled, 1, "set-kind", "review")
    assert titles(filled, FeedQuery(kinds=("review",))) == ["Title 1 of news"]
    assert titles(filled, FeedQuery(kinds=("news",))) == ["Title 2 of news", "Title 3 of news"]


def test_an_edit_wins_over_later_polls_and_rules(filled: Store) -> None:
    decide(filled, 1, "remove-topic", "ptsd")
    decide(filled, 2, "hide")
    save(
        filled, write([retitled(entry(1), "New one"), retitled(entry(2), "New two")], [tags("ptsd")] * 2, at=NOW + DAY)
    )
    assert titles(filled, PTSD) == ["Title 3 of news"]
    for batch in filled.tags.batches():
        filled.tags.apply(all_retagged((one, tags("ptsd", "pain")) for one in batch), NOW + 2 * DAY)
    assert titles(filled, PTSD) == ["Title 3 of news", "Title 9 of wide"]
    assert "New two" not in titles(filled)


def test_an_edit_changes_what_feeds_show_at_once(filled: Store) -> None:
    before = filled.version()
    decide(filled, 1, "hide")
    assert filled.version() > before
    assert filled.entries.get(entry(1).id).changed_at == NOW + HOUR


def same_story(store: Store) -> tuple[str, str]:
    """One page under two addresses of two sources: the press and the paper."""
    press = entry(1, canonical_link="doi.org/10.1/x", title="Ketamine eases depression, study finds")
    paper = entry(5, of="paper", canonical_link="doi.org/10.1/x", title="Esketamine in depression: a randomised trial")
    save(store, write([press], [tags("depression")]))
    save(store, write([paper], [tags("pain", kind="research")], of=source("paper"), at=NOW + HOUR))
    return press.id, paper.id


def test_a_story_is_shown_once_by_its_best_entry_under_a_stable_id(store: Store) -> None:
    press, paper = same_story(store)
    [shown] = store.entries.select(ALL)
    assert (shown.entry.id, shown.story_id, shown.public_id) == (paper, press, press)
    assert [one.id for one in shown.also] == [press]
    assert shown.story_reasons
    assert store.entries.get(press).also[0].reasons == shown.story_reasons
    assert [one.entry.id for one in store.entries.select(FeedQuery(topics=("depression",)))] == [paper]
    assert [one.public_id for one in store.entries.select(FeedQuery(sources=("news",)))] == [press]
    assert [one.entry.id for one in store.entries.story(press)] == [paper, press]
    assert [one.entry.id for one in store.entries.story(paper)] == [paper, press]


def test_a_hidden_primary_gives_way_to_the_next(store: Store) -> None:
    press, paper = same_story(store)
    store.edits.add(Edit(entry_id=paper, action="hide", by="Ada", at=NOW, why="retracted"))
    [shown] = store.entries.select(ALL)
    assert (shown.entry.id, shown.also) == (press, ())


def test_a_split_entry_stands_alone_and_stays_so(store: Store) -> None:
    press, paper = same_story(store)
    store.edits.add(Edit(entry_id=press, action="split", by="Ada", at=NOW, why="another trial"))
    shown = {one.entry.id: one for one in store.entries.select(ALL)}
    assert set(shown) == {press, paper}
    assert shown[paper].story_id == press, "the item that was in feeds keeps its id"
    assert shown[press].story_id not in (press, paper)
    assert shown[press].also == shown[paper].also == ()
    assert [one.entry.id for one in store.entries.story(shown[press].story_id)] == [press]
    save(store, write([entry(1, canonical_link="doi.org/10.1/x", title="Edited")], [tags("depression")], at=NOW + DAY))
    assert len(store.entries.select(ALL)) == 2
    ids = [one.public_id for one in store.entries.select(ALL)]
    assert len(set(ids)) == 2


def test_entries_are_joined_by_an_editor(filled: Store) -> None:
    decide(filled, 3, "join", entry(1).id)
    shown = filled.entries.select(ALL)
    assert [one.entry.title for one in shown] == ["Title 1 of news", "Title 2 of news"] or [
        one.entry.title for one in shown
    ] == ["Title 2 of news", "Title 3 of news"]
    story = filled.entries.story(entry(3).id)
    assert {one.entry.title for one in story} == {"Title 1 of news", "Title 3 of news"}
    assert filled.entries.get(entry(3).id).story_reasons == ("an editor joined it: seen by a reader",)
    decide(filled, 3, "split")
    assert len(filled.entries.select(ALL)) == 3


def test_edits_survive_export_and_import_into_an_empty_store(filled: Store, tmp_path: Path) -> None:
    decide(filled, 1, "hide")
    decide(filled, 2, "add-topic", "pain")
    decide(filled, 3, "join", entry(2).id)
    said = filled.edits.export()
    with Store.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        other.sources.sync(catalog(source()), NOW)
        loaded = other.edits.load(said, NOW)
        assert (loaded.added, loaded.known, loaded.waiting) == (3, 0, 3)
        save(other, write([entry(3), entry(1)]))
        save(other, write([entry(2)], at=NOW + HOUR))
        assert len(other.entries.story(entry(3).id)) == 2
        assert titles(other, PAIN) in (["Title 2 of news"], ["Title 3 of news"])
        assert "Title 1 of news" not in titles(other)
        again = other.edits.load(said, NOW)
        assert (again.added, again.known, again.waiting) == (0, 3, 0)
        assert other.edits.export() == said


def test_a_wrong_edit_file_changes_nothing_and_says_where(filled: Store) -> None:
    good = edit_text(Edit(entry_id=entry(1).id, action="hide", by="Ada", at=NOW, why="why"))
    with pytest.raises(UsageError, match=r"edits\[1\].*is not an edit"):
        filled.edits.load([good, good | {"action": "burn"}], NOW)
    assert filled.edits.list() == []
    with pytest.raises(UsageError, match=r"edits\[0\]: why is missing"):
        filled.edits.load([{name: value for name, value in good.items() if name != "why"}], NOW)
    with pytest.raises(UsageError, match=r"edits\[0\]: .*2024-05-01T12:00:00Z"):
        filled.edits.load([good | {"at": "yesterday"}], NOW)


@pytest.mark.parametrize(
    ("action", "value", "complaint"),
    [
        ("add-topic", None, "needs a topic"),
        ("join", None, "needs the other entry"),
        ("set-kind", "poem", "is not a kind"),
        ("burn", None, "is not an edit"),
    ],
)
def test_an_edit_that_says_nothing_is_refused(
    filled: Store, action: EditAction, value: str | None, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        decide(filled, 1, action, value)


def test_an_edit_of_an_unknown_entry_is_refused(filled: Store) -> None:
    with pytest.raises(StoreError, match="No entry's id begins with"):
        filled.edits.add(Edit(entry_id="ffffffff", action="hide", by="Ada", at=NOW, why="why"))
    with pytest.raises(UsageError, match="join itself"):
        decide(filled, 1, "join", entry(1).id)
    with pytest.raises(UsageError, match="who decided it and why"):
        filled.edits.add(Edit(entry_id=entry(1).id, action="hide", by="Ada", at=NOW, why=" "))


EDITS = st.lists(
    st.builds(
        Edit,
        entry_id=st.just("e"),
        action=st.sampled_from(ACTIONS),
        value=st.sampled_from(["ptsd", "pain", "review", "news"]),
        by=st.just("Ada"),
        at=st.just(NOW),
        why=st.sampled_from(["a", "b"]),
    ),
    max_size=12,
)


@given(EDITS)
def test_the_last_word_about_a_thing_holds(edits: list[Edit]) -> None:
    said = decided(edits)
    last: list[str]
    for first, second in (("hide", "unhide"), ("pin", "unpin")):
        last = [str(one.action) for one in edits if one.action in (first, second)][-1:]
        assert (said.hidden if first == "hide" else said.pinned) is (last == [first])
    for topic in ("ptsd", "pain"):
        last = [str(one.action) for one in edits if one.value == topic and one.action in ("add-topic", "remove-topic")][
            -1:
        ]
        assert (topic in dict(said.added)) is (last == ["add-topic"])
        assert (topic in said.removed) is (last == ["remove-topic"])


@given(EDITS, st.lists(st.sampled_from(["ptsd", "pain", "ocd"]), unique=True))
def test_overruling_twice_changes_nothing_more(edits: list[Edit], topics: list[str]) -> None:
    said = decided(replace(edit, value="review") if edit.action == "set-kind" else edit for edit in edits)
    once = overrule(tags(*topics), said)
    assert overrule(once, said) == once
    assert {topic for topic, _ in said.added} <= {match.topic for match in once.matches}
    assert not said.removed & {match.topic for match in once.matches}


@given(EDITS)
def test_edits_are_read_back_as_they_were(edits: list[Edit]) -> None:
    for edit in edits:
        kept = replace(edit, value="news") if edit.action == "set-kind" else edit
        assert edit_read(edit_text(kept), "here") == kept
