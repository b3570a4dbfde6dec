"""A rule that nothing can meet is refused; one that covers everything says so before it is switched on."""

from __future__ import annotations

import pytest

from coco.guardrails.analysis import example
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.export import compiled_json
from coco.guardrails.sanity import finding

from .strategies import CATALOGUE


@pytest.mark.parametrize(
    "sentence",
    [
        "Archive deals over $10k that are under $5k.",
        "Archive contacts with a score over 5 and under 5.",
        'Archive contacts tagged "a" and "b" unless tagged "a".',
        "Archive contacts in Germany whose country is not Germany.",
        "Archive contacts older than 90 days created in the last 30 days.",
        "Archive deals closing in the next 7 days whose close date has passed.",
        'Archive contacts (tagged "a" or in Germany) and not tagged "a" and whose country is not Germany.',
    ],
)
def test_a_contradiction_is_a_problem(sentence: str) -> None:
    compiled = compile_sentence(sentence)
    assert not compiled.ok
    assert "contradiction" in compiled.problems[0].message
    assert compile_sentence(compiled.problems[0].suggestion).ok


@pytest.mark.parametrize("sentence", ["Archive all contacts.", 'Archive contacts (tagged "a" or not tagged "a").'])
def test_a_rule_that_covers_everything_warns(sentence: str) -> None:
    assert compiled_json(compile_sentence(sentence))["warnings"] == ["This rule covers every contact."]


@pytest.mark.parametrize(
    "sentence",
    [
        "Archive contacts with a score of at least 5 and at most 5.",
        'Archive contacts tagged "a" unless tagged "b" or tagged "c".',
        "Archive contacts (with a score under 10 or with a score over 90).",
        "Archive deals in proposal or negotiation except closed won.",
        "Enrich new contacts older than 3 hours. Only within 24 hours of being created.",
    ],
)
def test_an_ordinary_rule_is_neither(sentence: str) -> None:
    compiled = compile_sentence(sentence)
    assert compiled.form is not None, compiled.problems
    assert finding(compiled.form, CATALOGUE) == ("ordinary", "")
    assert compiled.warnings == ()
    assert example(compiled.form, CATALOGUE) is not None
