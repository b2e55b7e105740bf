from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ketfeed.model import ENTRY_KINDS
from ketfeed.store.listing import ALL, KIND_RANK, PINNED, UNTAGGED, Member, is_visible, places, primary, rank


def member(number: int, **more: object) -> Member:
    values: dict[str, object] = {
        "number": number, "story": 1, "source": number, "priority": 0, "kind": "news", "language": "en",
        "sort_at": 100 + number, "visible": True, "topics": frozenset({"ptsd"}), "pinned": False,
    }  # fmt: skip
    return Member(**(values | more))  # type: ignore[arg-type]  # plain values by name


MEMBERS = st.lists(
    st.builds(
        member,
        st.integers(1, 9),
        source=st.integers(1, 3),
        priority=st.integers(0, 2),
        kind=st.sampled_from(ENTRY_KINDS),
        sort_at=st.integers(0, 50),
        visible=st.booleans(),
        topics=st.frozensets(st.sampled_from(["ptsd", "pain"])),
        pinned=st.booleans(),
    ),
    unique_by=lambda one: one.number,
    max_size=6,
)


def test_a_story_alone_stands_in_everything_it_is() -> None:
    found = {place.feed for place in places([member(1, topics=frozenset({"ptsd", "pain"}), pinned=True)])}
    assert found == {ALL, PINNED, "k:news", "s:1", "t:pain", "t:ptsd"}
    assert {place.feed for place in places([member(1, topics=frozenset())])} == {ALL, UNTAGGED, "k:news", "s:1"}


def test_a_story_stands_under_its_primary_at_its_earliest_date() -> None:
    news = member(1, sort_at=10, topics=frozenset({"ptsd"}))
    paper = member(2, sort_at=90, kind="research", topics=frozenset({"pain"}))
    found = {place.feed: (place.entry, place.sort_at) for place in places([news, paper])}
    assert found == {
        ALL: (2, 10), "t:ptsd": (2, 10), "t:pain": (2, 10), "k:research": (2, 10), "k:news": (1, 10),
        "s:1": (1, 10), "s:2": (2, 10),
    }  # fmt: skip


def test_priority_then_kind_then_date_choose_the_primary() -> None:
    early, paper, favoured = member(1, sort_at=1), member(2, kind="research"), member(3, priority=1, kind="opinion")
    assert primary([early, paper, favoured]) == favoured
    assert primary([early, paper]) == paper
    assert primary([member(2, sort_at=5), early]) == early
    assert primary([member(1, visible=False)]) is None


@given(MEMBERS)
def test_places_hold_for_any_story(members: list[Member]) -> None:
    found = places(members)
    shown = [one for one in members if one.visible]
    assert bool(found) is bool(shown)
    assert len({place.feed for place in found}) == len(found), "once in each feed"
    assert {place.entry for place in found} <= {one.number for one in shown}, "nothing hidden is shown"
    if shown:
        first = min(shown, key=rank)
        everywhere = [place for place in found if place.feed in (ALL, PINNED, UNTAGGED) or place.feed.startswith("t:")]
        assert {place.entry for place in everywhere} == {first.number}
        assert {place.sort_at for place in everywhere} == {min(one.sort_at for one in shown)}
        assert {place.feed for place in found if place.feed.startswith("s:")} == {f"s:{one.source}" for one in shown}


@given(MEMBERS, st.randoms(use_true_random=False))
def test_places_do_not_depend_on_the_order_of_members(members: list[Member], dice: object) -> None:
    shuffled = list(members)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert set(places(members)) == set(places(shuffled))


@given(*(st.booleans() for _ in range(6)), st.sampled_from(["all", "filter"]))
def test_what_is_visible(
    active: bool, relevant: bool, announced: bool, hidden: bool, pinned: bool, added: bool, policy: str
) -> None:
    seen = is_visible(
        active=active, relevant=relevant, policy=policy, announced=announced, hidden=hidden, pinned=pinned, added=added
    )
    if hidden or not active:
        assert not seen
    elif pinned or added:
        assert seen
    else:
        assert seen is (announced and (relevant or policy == "all"))


def test_every_kind_has_a_rank() -> None:
    assert set(KIND_RANK) == set(ENTRY_KINDS)
