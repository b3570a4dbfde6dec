"""The canonical reading of any form never compiles to another form."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.evaluate import evaluate
from coco.guardrails.form import Form
from coco.guardrails.reading import reading
from coco.guardrails.records import Record

from .strategies import CATALOGUE, FORMS, records


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(form=FORMS, record=records())
def test_a_reading_that_compiles_means_the_same(form: Form, record: Record) -> None:
    compiled = compile_sentence(reading(form, CATALOGUE), suggesting=False)  # only what it means is looked at
    if compiled.form is None:
        return  # not every form has a sentence; but none has another's
    assert evaluate(compiled.form, record, CATALOGUE).covered == evaluate(form, record, CATALOGUE).covered
    assert compiled.reading == reading(compiled.form, CATALOGUE)
