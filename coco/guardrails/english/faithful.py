"""Whether a suggestion says no more than the sentence it stands for: nothing that narrows it may be lost on the way.

Told by the words alone: a sentence that was refused has no form that another could be compared with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .problems import Problem

_WORD = re.compile(r"\"[^\"]*\"|[#@$€£]?[^\W_]+(?:[.,:/@%'-]+[^\W_]+)*%?", re.UNICODE)
_QUOTED = re.compile(r"\"[^\"]*\"")
_NEGATIONS = re.compile(
    r"\b(?:no|not|never|nor|neither|without|unless|except\w*|excluding|nobody|none|nothing|lacks?|lacking|missing|skip|"
    r"cannot|un(?:subscribed|owned|assigned|tagged|til)|don't|only)\b|n't\b",
    re.I,
)
# words that join or point, and are written anew where a sentence is put right
_JOINING = frozenset({
    "a", "an", "the", "that", "who", "whom", "which", "whose", "is", "are", "was", "were", "be", "been", "being",
    "it", "its", "it's", "they", "they're", "their", "them", "to", "of", "in", "on", "at", "for", "from", "with",
    "by", "and", "as", "if", "when", "where", "while", "then", "so", "please", "have", "has", "had", "do", "does",
    "did", "there", "this", "these", "those", "any", "all", "every", "each", "our", "us", "my", "we", "you", "your",
    "me", "i", "will", "would", "can", "could", "may", "should", "must", "just", "also", "already", "still",
    "currently", "but", "get", "got", "contact", "contacts", "record", "records", "people",
})  # fmt: skip
_DOUBLED = re.compile(
    r"\b(?:any|all|every|each) (?:any|every|each|all)\b|\b(?:they|we|you) is\b|\b(?:it|he|she) are\b|"
    r"\b(?:they|it) at (?:least|most)\b|\bneither neither\b|"
    r"\bneither (?:have|has|are|is|haven't|hasn't|aren't|isn't)\b|"
    r"\bexcept contacts tagged \"[^\"]*'s\"|,\s*[.,;]|\bcontacts? (?:every|at least|no email|replied\b)|"
    r"\bhas [^.,]* and that are\b|(\b\w+ \w+ \w+\b.*) \1\b",
    re.I,
)
_DOMAINS = re.compile(r"[^\W_][\w-]*(?:[./][^\W_][\w-]*)+")


def says_the_same(sentence: str, problems: Sequence[Problem], suggestion: str) -> bool:
    """Does the suggestion keep every word of the sentence but those that were wrong, each "not" among them, and is it
    no broken splice? `problems` are those of the sentence, with the fragments that stand for what was wrong."""
    fragments = " ".join(problem.suggestion for problem in problems)
    wrong = " ".join(problem.text for problem in problems)
    rest = _without(sentence, problems)
    if _DOUBLED.search(suggestion) and not _DOUBLED.search(sentence):
        return False
    known = set(_DOMAINS.findall(f"{sentence} {fragments}".lower()))
    if any(one not in known for one in _DOMAINS.findall(suggestion.lower())):
        return False
    if not _words(rest) <= _words(suggestion):
        return False
    if not re.search(r" / | or (?=\d{4}-)", fragments) and not _words(fragments) & _words(sentence) <= _words(
        suggestion
    ):
        return False  # what the fragment kept of the sentence was lost after it
    named = [one for one in _QUOTED.findall(sentence) if one not in {problem.text for problem in problems}]
    if any(one.lower() not in suggestion.lower() for one in named):
        return False
    lost = _negations(wrong) - _negations(fragments)
    if lost > 0 and fragments and not re.search(r"\bempty\b|\bnot\b|\bout\b", fragments):
        return False
    return _negations(suggestion) >= _negations(rest)


def _negations(text: str) -> int:
    return len(_NEGATIONS.findall(re.sub(r"\"[^\"]*\"", "", text)))


def _words(text: str) -> set[str]:
    return {word.lower().rstrip("s") for word in _WORD.findall(text) if word.lower() not in _JOINING}


def _without(sentence: str, problems: Sequence[Problem]) -> str:
    rest = sentence
    for start, end in sorted((problem.span for problem in problems), reverse=True):
        rest = f"{rest[:start]} {rest[end:]}"
    return rest
