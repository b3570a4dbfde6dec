"""The lists of words: none says what another has said already."""

from __future__ import annotations

from collections import Counter

from coco.guardrails.english.literals import words_of
from coco.guardrails.english.parser import _lark
from coco.guardrails.english.vocabulary import ENTITIES, LIFECYCLE_ENTITIES, MOMENTS, OBJECTS, PHRASES
from coco.guardrails.english.words import _WORDS


def test_no_phrase_stands_twice() -> None:
    """The second would never be looked at (hyphens and spaces are the same)."""
    records = [name for names in (*ENTITIES.values(), *LIFECYCLE_ENTITIES.values()) for name in names.split("|")]
    lists = [records, *MOMENTS.values(), *OBJECTS.values(), *PHRASES.values()]
    counted = Counter(words_of(phrase) for phrases in lists for phrase in phrases)
    assert [" ".join(words) for words, times in counted.items() if words and times > 1] == []


def test_the_words_of_messages_are_for_tokens_that_the_grammar_has() -> None:
    lark, _ = _lark()
    assert set(_WORDS) <= {symbol.name for rule in lark.rules for symbol in rule.expansion if symbol.is_term}
