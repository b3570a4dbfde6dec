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
