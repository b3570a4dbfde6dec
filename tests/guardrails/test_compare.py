"""Stricter, looser, equivalent, incomparable: with records that show it, and never against a record that exists."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco.guardrails.analysis import compare_forms, counterexample, example, overlap
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.evaluate import evaluate
from coco.guardrails.form import Form, conjunction
from coco.guardrails.records import Record, read_record

from .strategies import CATALOGUE, FORMS, records


def _form(sentence: str) -> Form:
    form = compile_sentence(sentence).form
    assert form is not None
    return form


@pytest.mark.parametrize(
    ("old", "new", "relation"),
    [
        ('Archive contacts tagged "a".', 'Archive contacts tagged "a" or "b".', "looser"),
        ('Archive contacts tagged "a" or "b".', 'Archive contacts tagged "a".', "stricter"),
        ('Archive contacts tagged "a".', 'Archive contacts tagged "b".', "incomparable"),
        (
            "Archive contacts silent for 90 days.",
            "Archive contacts with no activity in the last 90 days.",
            "equivalent",
        ),
        ("Archive contacts silent for 90 days.", "Archive contacts silent for at least 90 days.", "looser"),
        (
            'Archive contacts tagged "a". At most 20 per day.',
            'Archive contacts tagged "a". At most 10 per day.',
            "stricter",
        ),
        ('Archive contacts tagged "a".', 'Archive contacts tagged "a". Notify me first.', "stricter"),
        (
            "Notify me first and wait 4 hours. Delete contacts in Germany.",
            "Notify me first and wait 8 hours. Delete contacts in Germany.",
            "stricter",
        ),
        ('Archive contacts tagged "a".', 'Archive HubSpot contacts tagged "a".', "stricter"),
        ('Enrich contacts tagged "a".', 'Enrich and archive contacts tagged "a".', "looser"),
        ('Move open deals to "A".', 'Move open deals to "B".', "incomparable"),
        ("Update deals over $10,000.", "Update deals over 10,000 EUR.", "incomparable"),
        (
            'Archive contacts tagged "a" on weekdays 9-17 Europe/Berlin.',
            'Archive contacts tagged "a" on weekdays 9-16 Europe/Berlin.',
            "stricter",
        ),
        (
            "Archive contacts where every email has bounced.",
            "Archive contacts where at least 80% of emails have bounced.",
            "looser",
        ),
        (
            "Archive contacts where every email has bounced.",
            "Archive contacts where no email has bounced.",
            "incomparable",
        ),
    ],
)
def test_relation(old: str, new: str, relation: str) -> None:
    before, after = _form(old), _form(new)
    found = compare_forms(before, after, CATALOGUE)
    assert found.relation == relation, found
    if found.only_new is not None:
        record = read_record(found.only_new.facts, CATALOGUE)
        assert evaluate(after, record, CATALOGUE).covered
        assert not evaluate(before, record, CATALOGUE).covered


def test_a_contradiction_has_no_example() -> None:
    for one, other in [
        ('Archive contacts tagged "a".', 'Archive contacts not tagged "a".'),
        ("Archive contacts older than 30 days.", "Archive contacts created in the last 7 days."),
    ]:
        both = conjunction([_form(one).predicate, _form(other).predicate])
        assert example(_form(one).model_copy(update={"predicate": both}), CATALOGUE) is None
    assert example(_form("Archive contacts older than 30 days."), CATALOGUE) is not None


def test_a_rule_that_covers_everything_has_no_counterexample() -> None:
    assert counterexample(_form('Archive contacts (tagged "a" or not tagged "a").'), CATALOGUE) is None
    assert counterexample(_form('Archive contacts tagged "a".'), CATALOGUE) is not None


def test_overlap() -> None:
    one, other = _form('Archive contacts tagged "a".'), _form("Archive contacts in Germany.")
    assert overlap(one, other, CATALOGUE) is not None
    assert overlap(one, _form('Archive contacts not tagged "a".'), CATALOGUE) is None
    assert overlap(one, _form('Enrich contacts tagged "a".'), CATALOGUE) is None


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(old=FORMS, new=FORMS, sample=st.lists(records(), min_size=3, max_size=10))
def test_no_record_contradicts_the_answer(old: Form, new: Form, sample: list[Record]) -> None:
    found = compare_forms(old, new, CATALOGUE)
    for record in sample:
        was, becomes = (evaluate(form, record, CATALOGUE).covered for form in (old, new))
        if becomes and not was:
            assert found.relation in {"looser", "incomparable", "unknown"}
        if was and not becomes:
            assert found.relation in {"stricter", "incomparable", "unknown"}
