"""Every sentence of the corpus: what it must cover on fixed records, or where it must be refused."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from coco.guardrails.cel import cel_text
from coco.guardrails.check import check_lines
from coco.guardrails.english import compiler
from coco.guardrails.form import Form

from .strategies import CATALOGUE

compile_sentence = lru_cache(maxsize=None)(compiler.compile_sentence)  # each sentence once, for all the tests here

CORPUS = Path(__file__).parent / "corpus"
RECORDS = (CORPUS / "records.jsonl").read_text("utf-8").splitlines()


def _load(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CORPUS / name).read_text("utf-8").splitlines()]


ACCEPTED, REFUSED = _load("accepted.jsonl"), _load("refused.jsonl")
ACTS = _load("acts.jsonl")
ACTS_RECORDS = (CORPUS / "acts_records.jsonl").read_text("utf-8").splitlines()


def test_the_corpus_is_large_and_a_third_of_it_is_refused() -> None:
    assert len(ACCEPTED) + len(REFUSED) >= 300
    assert len(REFUSED) * 2 >= len(ACCEPTED) * 0.95


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case["sentence"][:60])
def test_accepted(case: dict[str, Any]) -> None:
    compiled = compile_sentence(case["sentence"])
    assert compiled.ok, [problem.message for problem in compiled.problems]
    assert compiled.form is not None
    assert compiled.form.mode == case["mode"]
    assert [covered.operation for covered in compiled.form.operations] == case["operations"]
    answers = check_lines(compiled, RECORDS, CATALOGUE, now=None)
    assert [answer.id for answer in answers if answer.covered] == case["covered"]


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case["sentence"][:60])
def test_the_reading_compiles_back_to_the_same_form(case: dict[str, Any]) -> None:
    compiled = compile_sentence(case["sentence"])
    again = compile_sentence(compiled.reading)
    assert again.ok, (compiled.reading, [problem.message for problem in again.problems])
    assert again.form == compiled.form
    assert again.reading == compiled.reading


@pytest.mark.parametrize("case", ACTS, ids=lambda case: case["sentence"][:60])
def test_actions_of_every_connector(case: dict[str, Any]) -> None:
    """What each rule covers among actions as connectors propose them: operation, channel, list, fields, attendees, …"""
    compiled = compile_sentence(case["sentence"])
    assert compiled.form is not None, [problem.message for problem in compiled.problems]
    assert compiled.form.mode == case["mode"]
    assert [covered.operation for covered in compiled.form.operations] == case["operations"]
    answers = check_lines(compiled, ACTS_RECORDS, CATALOGUE, now=None)
    assert [answer.id for answer in answers if answer.covered] == case["covered"]
    again = compile_sentence(compiled.reading)
    assert again.form == compiled.form, compiled.reading


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["sentence"][:60])
def test_refused(case: dict[str, Any]) -> None:
    compiled = compiler.compile_sentence(case["sentence"], suggesting=False)  # suggestions have tests of their own
    assert not compiled.ok, compiled.reading
    first = compiled.problems[0]
    assert (first.text, list(first.span)) == (case["refused"], case["span"])
    for problem in compiled.problems:
        start, end = problem.span
        assert problem.text == case["sentence"][start:end]
        assert len(problem.message) > 15
    assert not any(answer.covered for answer in check_lines(compiled, RECORDS, CATALOGUE, now=None))


@pytest.mark.parametrize("case", ACCEPTED[::5], ids=lambda case: case["sentence"][:60])
def test_the_form_survives_storage(case: dict[str, Any]) -> None:
    form = compile_sentence(case["sentence"]).form
    assert form is not None
    stored = Form.model_validate_json(form.model_dump_json())
    assert stored == form
    assert cel_text(stored, CATALOGUE) == cel_text(form, CATALOGUE)
