"""What kind of thing an entry is, and why."""

from __future__ import annotations

import pytest
from tests.topics.build import entry

from ketfeed.model import Enclosure, EntryKind, RuleSet, Source, SourceKind
from ketfeed.topics.match import Tagger

TAGGER = Tagger(RuleSet())


def kind_of(source: SourceKind, title: str, summary: str = "", link: str | None = None, **fields: object) -> EntryKind:
    one = entry(title, summary, link=link, **fields)
    return TAGGER.tag(one, Source(id="s", url="https://s.example", kind=source)).kind


@pytest.mark.parametrize(
    ("kind", "source", "title", "summary", "link"),
    [
        ("research", "journal", "Effect of ketamine on mood: a randomized trial", "We conducted", None),
        ("research", "search", "Ketamine", "", "https://pubmed.ncbi.nlm.nih.gov/39819527/"),
        ("preprint", "search", "Ketamine in mice", "", "https://www.medrxiv.org/content/10.1101/2024.1.1v1"),
        ("trial-record", "registry", "Study to evaluate ketamine", "Recruiting", "https://clinicaltrials.gov/study/NCT01"),
        ("review", "journal", "Ketamine in pain: a systematic review", "", None),
        ("guideline", "agency", "Consensus guidelines on ketamine infusions", "", None),
        ("news", "news", "Clinic opens downtown", "The mayor said", "https://www.example.com/news/clinic"),
        ("press-release", "news", "Company announces results", "Nasdaq: KET", "https://www.prnewswire.com/news-releases/x"),
        ("opinion", "news", "Opinion: let veterans choose", "", None),
        ("opinion", "journal", "Editorial: what ketamine teaches", "", None),
        ("guide", "page", "What is ketamine therapy? Everything you need to know", "", None),
        ("video", "page", "A talk", "", "https://www.youtube.com/watch?v=1"),
        ("provider", "provider", "Ketamine in Denver", "Our clinic offers infusions; book an appointment", None),
        ("safety-alert", "agency", "FDA warns of compounded ketamine", "", None),
        ("news", "page", "Something", "", None),
    ],
)  # fmt: skip
def test_source_words_and_address_vote(
    kind: EntryKind, source: SourceKind, title: str, summary: str, link: str | None
) -> None:
    """The kind with the most votes; news without any."""
    assert kind_of(source, title, summary, link) == kind


def test_an_audio_enclosure_is_a_podcast() -> None:
    """Structure counts, whatever the words."""
    audio = (Enclosure("https://example.org/1.mp3", "audio/mpeg"),)
    assert kind_of("news", "Talking about ketamine", enclosures=audio) == "podcast"


def test_the_kind_has_reasons_a_person_can_read() -> None:
    """Strongest first."""
    tagging = TAGGER.tag(entry("Editorial: on ketamine"), Source(id="s", url="https://s.example", kind="opinion"))
    assert tagging.kind == "opinion"
    assert tagging.kind_reasons[0] == "title opens: Editorial"
    assert TAGGER.tag(entry("x"), Source(id="s", url="x", kind="page")).kind_reasons == ("nothing says otherwise",)
