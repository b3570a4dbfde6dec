"""The explained verdict, CEL, the closures and the columns never differ."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coco.guardrails.cel import cel_holds
from coco.guardrails.evaluate import evaluate, frame_problem
from coco.guardrails.fast import Columns, compile_rule
from coco.guardrails.form import Form
from coco.guardrails.records import Record

from .strategies import CATALOGUE, FORMS, records


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(form=FORMS, sample=st.lists(records(), min_size=1, max_size=6))
def test_every_execution_gives_the_same_verdict(form: Form, sample: list[Record]) -> None:
    explained = [evaluate(form, record, CATALOGUE).covered for record in sample]
    rule = compile_rule(form, CATALOGUE)
    assert [rule(record) for record in sample] == explained
    assert [bool(flag) for flag in Columns(sample, CATALOGUE).covered(form)] == explained
    by_cel = [
        frame_problem(form, record, CATALOGUE, frozenset()) is None and cel_holds(form, record, CATALOGUE)
        for record in sample
    ]
    assert by_cel == explained


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(form=FORMS, record=records(), data=st.data())
def test_leaving_a_needed_fact_out_never_covers(form: Form, record: Record, data: st.DataObject) -> None:
    from coco.guardrails.form import atoms, full_predicate

    needed = sorted({atom.fact for atom in atoms(full_predicate(form))})
    gone = data.draw(st.sampled_from(needed))
    without = Record(record.id, {name: value for name, value in record.facts.items() if name != gone}, record.problems)
    assert not evaluate(form, without, CATALOGUE).covered
    assert not cel_holds(form, without, CATALOGUE)
