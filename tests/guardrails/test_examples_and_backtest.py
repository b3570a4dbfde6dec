"""Examples nearest to the line, and agreement with past decisions."""

from __future__ import annotations

from typing import Any

from coco.guardrails.backtest import backtest
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.examples import boundary_examples
from coco.guardrails.records import Record, read_record

from .strategies import CATALOGUE


def _deal(name: str, amount: float, stage: str = "qualified", **more: Any) -> Record:
    data = {"id": name, "deal.amount": amount, "deal.currency": "USD", "deal.stage": stage, **more}
    return read_record(data, CATALOGUE)


def test_the_examples_lie_nearest_to_the_line() -> None:
    form = compile_sentence("Update deals over $10,000 at the qualified stage.").form
    assert form is not None
    deals = [
        _deal("far", 90_000),
        _deal("near", 10_100),
        _deal("below", 9_900),
        _deal("far below", 10),
        _deal("on", 10_000),
        _deal("other stage", 10_100, "demo"),
        _deal("both", 1, "demo"),
        read_record({"id": "no stage", "deal.amount": 1}, CATALOGUE),
    ]
    covered, held = boundary_examples(form, deals, CATALOGUE)
    assert [one.record.id for one in covered] == ["near", "far"]
    assert [one.record.id for one in held] == ["on", "below", "other stage"]


def test_agreement_with_past_decisions() -> None:
    compiled = compile_sentence("Update deals over $10,000.")
    action = {"action.operation": "deal.update", "now": "2026-11-24T10:00:00Z"}
    found = backtest(
        compiled,
        [
            (_deal("yes", 20_000, **action), "approved"),
            (_deal("no", 5_000, **action), "rejected"),
            (_deal("asked", 9_000, **action), "approved"),
            (_deal("alone", 11_000, **action), "rejected"),
            (_deal("undecided", 12_000, **action), None),
        ],
        CATALOGUE,
    )
    assert (found.decided, found.agreed, found.covered, found.held) == (4, 2, 3, 2)
    assert [(one.id, one.ran_alone) for one in found.disagreements] == [("alone", True), ("asked", False)]
    assert found.summary == "agrees with 2 of 4 of your decisions; here are the 2"
