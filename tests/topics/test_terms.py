"""Folding and the automaton."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketfeed.topics.terms import FoldedText, Lexicon, Pieces, fold, variants

TEXTS = st.text(alphabet=st.one_of(st.sampled_from("abc -.,'’é\n\u00a0ßﬁ\u0301x9Ł"), st.characters()), max_size=40)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Post-Traumatic Stress", "post traumatic stress"),
        ("POST–TRAUMATIC  STRESS.", "post traumatic stress"),
        ("Kétamine", "ketamine"),
        ("Ke\u0301tamine", "ketamine"),
        ("Matthew Perry's death", "matthew perry death"),
        ("Matthew Perry’s death", "matthew perry death"),
        ("J&J", "j j"),
        ("bólu, lęk, Łódź", "bolu lek lodz"),
        ("Straße", "strasse"),
        ("soft\u00adware", "software"),
        ("ﬁrst", "first"),
        ("  ", ""),
    ],
)
def test_folding(text: str, folded: str) -> None:
    """Case, accents, hyphens, punctuation and the possessive do not matter."""
    assert fold(text) == folded


@given(TEXTS)
def test_folding_is_idempotent(text: str) -> None:
    """Folding twice changes nothing, for any text."""
    assert fold(fold(text)) == fold(text)


@given(TEXTS)
def test_every_folded_word_leads_back_to_its_place(text: str) -> None:
    """The original words at a folded word's place fold to that word."""
    folded = FoldedText(text)
    assert folded.text.strip() == fold(text)
    for word in re.finditer(r"(?<= )\S+(?= )", folded.text):
        start, end = folded.span(word.start() - 1, word.end() + 1)
        assert fold(text[start:end]) == word.group()


def test_a_hyphen_stands_for_a_hyphen_a_space_or_nothing() -> None:
    """One spelling in the rules finds all three in text."""
    lexicon = Lexicon(["post-partum"])
    for text in ("post-partum", "post partum", "postpartum", "Post–Partum"):
        assert lexicon.find(FoldedText(f"in {text} care").text), text
    assert not lexicon.find(FoldedText("postpartums").text)


def test_overlapping_terms_are_all_found() -> None:
    """A longer term does not hide the shorter one inside it, nor one that begins within it."""
    lexicon = Lexicon(["treatment-resistant depression", "depression", "resistant depression scale"])
    found = lexicon.find(FoldedText("Treatment-resistant depression scale").text)
    assert {lexicon.phrases[lexicon.owners[pattern][0]] for pattern, _, _ in found} == set(lexicon.phrases)


def test_only_whole_words_unless_a_star_says_otherwise() -> None:
    """``pain`` does not find "paint"; ``depress*`` finds "depressive" and not "undepressed"."""
    lexicon = Lexicon(["pain", "depress*"])
    assert not lexicon.find(FoldedText("paint undepressed").text)
    assert len(lexicon.find(FoldedText("pain, depressive").text)) == 2


def test_a_phrase_without_letters_has_no_pattern() -> None:
    """Nothing to look for is not something that stands everywhere."""
    assert variants("—*") == ()
    assert not Lexicon(["—"]).find(FoldedText("a — b").text)


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_texts_folded_together_are_each_as_if_alone(texts: list[str]) -> None:
    """One pass over all texts of an entry finds the words and places of each, whatever characters they hold."""
    together = FoldedText(*texts)
    starts = together.starts()
    ends = [at - 1 for at, _ in starts[1:]] + [len(together.text)]
    assert len(starts) == len(texts)
    for text, (at, begin), end in zip(texts, starts, ends, strict=True):
        alone = FoldedText(text)
        assert together.text[at:end] == alone.text
        for word in re.finditer(r"(?<= )\S+(?= )", alone.text):
            start, stop = alone.span(word.start() - 1, word.end() + 1)
            assert together.span(at + word.start() - 1, at + word.end() + 1) == (begin + start, begin + stop)


def test_no_phrase_spans_two_texts() -> None:
    """The last word of a title and the first of a summary are no phrase, even with the separator written in them."""
    lexicon = Lexicon(["chronic pain"])
    assert not lexicon.find(FoldedText("It is chronic", "Pain clinics open").text)
    assert lexicon.find(FoldedText("a\x01b", "chronic\x01pain").text)


def test_pieces_are_found_inside_words() -> None:
    """Whatever stands in the text is found, overlapping pieces included, and nothing else."""
    pieces = Pieces(["nct", "n=", "rat", "ration", "pig"])
    assert pieces.found("function at n=30, rations") == {"nct", "n=", "rat", "ration"}
