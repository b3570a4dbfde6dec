"""Days, weeks, months, quarters and years of the calendar: where they begin, and what the solver may say of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from coco.guardrails.analysis import compare_forms, example
from coco.guardrails.calendars import begins, ordinal
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.evaluate import evaluate
from coco.guardrails.form import Form, Unit
from coco.guardrails.records import microseconds, read_record

from .strategies import CATALOGUE


def _form(sentence: str) -> Form:
    compiled = compile_sentence(sentence)
    assert compiled.form is not None, [problem.message for problem in compiled.problems]
    return compiled.form


def _covered(form: Form, created: str, now: str) -> bool:
    facts = {"now": now, "contact.created_at": created, "action.operation": "contact.enrich"}
    return evaluate(form, read_record(facts, CATALOGUE), CATALOGUE).covered


@pytest.mark.parametrize("unit", ["day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
def test_a_unit_begins_where_its_number_changes(unit: Unit, zone: str) -> None:
    for when in (datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2024, 2, 29, 23, 30, tzinfo=UTC)):
        number = ordinal(unit, microseconds(when), zone)
        start = begins(unit, number, zone)
        assert start <= microseconds(when) < begins(unit, number + 1, zone)
        assert ordinal(unit, start, zone) == number
        assert ordinal(unit, start - 1, zone) == number - 1


def test_days_and_weeks_end_at_midnight_in_the_zone() -> None:
    today, week = _form("Enrich contacts created today."), _form("Enrich contacts created this week Europe/Berlin.")
    assert _covered(today, "2026-11-24T00:00:00Z", "2026-11-24T23:59:59Z")
    assert not _covered(today, "2026-11-23T23:59:59Z", "2026-11-24T00:00:00Z")
    assert _covered(week, "2026-11-22T23:00:00Z", "2026-11-29T22:59:59Z")
    assert not _covered(week, "2026-11-22T22:59:59Z", "2026-11-29T22:59:59Z")
    assert not _covered(week, "2026-11-29T22:59:59Z", "2026-11-29T23:00:00Z")


@pytest.mark.parametrize(
    ("old", "new", "relation"),
    [
        ("created this week", "created today", "stricter"),
        ("created this quarter", "created this month", "stricter"),
        ("created in the last 48 hours", "created today", "stricter"),
        ("created in the last 2 days", "created this week", "incomparable"),
        ("created today UTC", "created today", "equivalent"),
        ("created today", "created today Europe/Berlin", "incomparable"),
        ("not created this month", "created before this month", "equivalent"),
        ("created since 2026-11-01", "created in the last 30 days", "incomparable"),
        ("created after 2026-11-24, only on weekdays UTC", "created after 2026-11-24", "looser"),
        ('tagged "a", only on weekdays UTC', "created after 2026-12-24", "incomparable"),
    ],
)
def test_relations_hold_at_any_time(old: str, new: str, relation: str) -> None:
    forms = [_form(f"Enrich contacts {words}.") for words in (old, new)]
    found = compare_forms(forms[0], forms[1], CATALOGUE)
    assert found.relation == relation
    for witness, covering, holding in ((found.only_new, forms[1], forms[0]), (found.only_old, forms[0], forms[1])):
        if witness is not None:
            record = read_record(witness.facts, CATALOGUE)
            assert evaluate(covering, record, CATALOGUE).covered
            assert not evaluate(holding, record, CATALOGUE).covered


def test_what_contradicts_has_no_example() -> None:
    assert example(_form("Enrich contacts created today."), CATALOGUE) is not None
    assert example(_form("Enrich contacts created today and created more than 3 days ago."), CATALOGUE) is None
