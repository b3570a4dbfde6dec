"""A suggestion that is a whole sentence is one that compiles: an owner can take it as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.english.offers import ANY, OFFERS

REFUSED = [
    json.loads(line)["sentence"]
    for line in (Path(__file__).parent / "corpus" / "refused.jsonl").read_text("utf-8").splitlines()
]
OPENINGS = (
    "Archive ",
    "Send ",
    "Draft ",
    "Enrich ",
    "Move ",
    "Update ",
    "Tag ",
    "Add ",
    "Assign ",
    "Delete ",
    "Create ",
)


def _whole(suggestion: str) -> bool:
    return suggestion.startswith(OPENINGS) and suggestion.endswith(".") and "…" not in suggestion


@pytest.mark.parametrize("sentence", REFUSED, ids=lambda sentence: sentence[:60])
def test_whole_sentences_that_are_suggested_compile(sentence: str) -> None:
    for problem in compile_sentence(sentence).problems:
        if _whole(problem.suggestion):
            compiled = compile_sentence(problem.suggestion)
            assert compiled.ok, (problem.suggestion, [one.message for one in compiled.problems])


def test_nearly_every_refusal_suggests_a_rule_that_is_accepted() -> None:
    problems = [problem for sentence in REFUSED for problem in compile_sentence(sentence).problems]
    accepted = [one for one in problems if one.suggestion and compile_sentence(one.suggestion, suggesting=False).ok]
    assert len(accepted) >= 0.95 * len(problems)


@pytest.mark.parametrize("rule", [ANY, *(rule for _, rule in OFFERS)])
def test_what_is_offered_is_accepted(rule: str) -> None:
    assert compile_sentence(rule).ok


def test_what_a_suggestion_leaves_out_is_named() -> None:
    (problem,) = compile_sentence("Auto-archive any contact older than two years with no deals.").problems
    assert problem.suggestion == "Auto-archive any contact older than two years."
    assert 'Left out of the suggestion: "with no deals"' in problem.message


@pytest.mark.parametrize(
    "sentence",
    [
        "Archive leads with no phone and email.",  # nothing but the kind of contact would be left
        "Archive any contact with no deals.",
        'Archive contacts tagged "a" unless they have open deals.',
        'Send emails to contacts tagged "a" but not too many.',
    ],
)
def test_no_suggestion_leaves_out_what_holds_a_rule_back(sentence: str) -> None:
    for problem in compile_sentence(sentence).problems:
        assert "Left out" not in problem.message, problem
        assert "Without" not in problem.message, problem


@pytest.mark.parametrize(
    ("sentence", "opening"),
    [
        ("Archive deals nobody seems to love.", "Archive deals "),
        ("Create tasks for companies that look odd.", "Create tasks for companies "),
        ("Move deals somewhere nice.", "Move deals "),
        ("Run enrichment on companies that feel right.", "Run enrichment on companies "),
        ("Send DMs to whoever is around.", "Send direct messages "),
    ],
)
def test_an_example_has_the_same_operation_and_records(sentence: str, opening: str) -> None:
    for problem in compile_sentence(sentence).problems:
        assert problem.suggestion.startswith(opening), problem
