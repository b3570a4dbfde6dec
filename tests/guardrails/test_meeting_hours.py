"""Days and hours of a meeting itself: every way of executing the rule gives one verdict, in the zone's own time."""

from __future__ import annotations

import pytest

from coco.guardrails.analysis import counterexample
from coco.guardrails.cel import cel_holds
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.evaluate import evaluate
from coco.guardrails.fast import Columns, compile_rule
from coco.guardrails.form import Form
from coco.guardrails.records import read_record

from .strategies import CATALOGUE

RULE = 'Schedule meetings with contacts tagged "demo" starting on weekdays between 9:00 and 17:00 Europe/Berlin.'


def _form() -> Form:
    form = compile_sentence(RULE).form
    assert form is not None
    return form


@pytest.mark.parametrize(
    ("starts_at", "covered"),
    [
        ("2026-11-27T08:00:00Z", True),  # Friday, 9:00 in Berlin
        ("2026-11-27T07:59:59Z", False),
        ("2026-11-27T15:59:59Z", True),
        ("2026-11-27T16:00:00Z", False),
        ("2026-11-28T10:00:00Z", False),  # Saturday
        ("2026-07-01T07:00:00Z", True),  # 9:00 in summer
        (None, False),
    ],
)
def test_the_start_is_looked_at_and_not_the_moment_of_the_run(starts_at: str | None, covered: bool) -> None:
    record = read_record(
        {
            "id": "m",
            "now": "2026-06-27T03:00:00Z",  # a Saturday night
            "action.operation": "event.create",
            "contact.tags": ["demo"],
            "action.starts_at": starts_at,
        },
        CATALOGUE,
    )
    assert evaluate(_form(), record, CATALOGUE).covered is covered
    assert cel_holds(_form(), record, CATALOGUE) is covered
    assert compile_rule(_form(), CATALOGUE)(record) is covered
    assert [bool(flag) for flag in Columns([record], CATALOGUE).covered(_form())] == [covered]


def test_the_reading_says_it_and_compiles_back() -> None:
    compiled = compile_sentence(RULE)
    assert "the action's start time falls on weekdays between 09:00 and 17:00 Europe/Berlin" in compiled.reading
    assert compile_sentence(compiled.reading).form == compiled.form


def test_hours_that_could_be_the_run_or_the_meeting_are_refused_with_the_latter() -> None:
    (problem,) = compile_sentence("Book calls with leads between 10am and 4pm London time.").problems
    assert problem.suggestion == "Book calls with leads starting between 10am and 4pm London time."
    assert compile_sentence(problem.suggestion).ok


def test_the_comparison_does_not_claim_what_it_cannot_show() -> None:
    from coco.guardrails.analysis import Unconfirmed

    try:
        found = counterexample(_form(), CATALOGUE)
    except Unconfirmed:
        return
    assert found is not None
    assert not evaluate(_form(), read_record({"id": "w", **found.facts}, CATALOGUE), CATALOGUE).covered
