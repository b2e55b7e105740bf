"""Is an entry about ketamine, esketamine or arketamine as a medicine? The rule ``relevance`` of topics.yaml decides.

It is scored as a topic is: the drug and medical words argue for, crime, parties, animals and celebrities against, and
one of its ``requires`` phrases (the drug) must stand in the entry. What is special is told here: without any rule
nothing is filtered, because an empty file must not empty every feed.
"""

from __future__ import annotations

from ketfeed.model import Reason, TopicMatch, TopicRule


def judge(rule: TopicRule, match: TopicMatch | None) -> tuple[bool, tuple[Reason, ...]]:
    """Relevant or not, with the reasons for and against, strongest first.

    ``match`` is what scoring the rule gave, or None when the threshold was not reached.
    """
    if not rule.terms:
        return True, (Reason("no relevance rule", "source", 0, "", 0.0),)
    if match is None:
        return False, ()
    return True, match.reasons
