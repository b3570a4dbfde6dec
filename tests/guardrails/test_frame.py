"""Which action the rule is about, its limits and its hours."""

from __future__ import annotations

import json

import pytest

from coco.guardrails.check import Answer, check_lines
from coco.guardrails.english.compiler import compile_sentence

from .strategies import CATALOGUE


def _check(sentence: str, *lines: str) -> list[Answer]:
    compiled = compile_sentence(sentence)
    assert compiled.ok, [problem.message for problem in compiled.problems]
    return list(check_lines(compiled, lines, CATALOGUE, now=None))


def _covered(sentence: str, *lines: str) -> list[bool]:
    return [answer.covered for answer in _check(sentence, *lines)]


ARCHIVE = 'Archive HubSpot contacts tagged "a".'


@pytest.mark.parametrize(
    ("action", "covered"),
    [
        ('"action.operation": "contact.archive", "action.connector": "hubspot"', True),
        ('"action.operation": "archive", "action.connector": "HubSpot"', True),
        ('"action.operation": "contact.delete", "action.connector": "hubspot"', False),
        ('"action.operation": "deal.archive", "action.connector": "hubspot"', False),
        ('"action.operation": "levitate", "action.connector": "hubspot"', False),
        ('"action.operation": null, "action.connector": "hubspot"', False),
        ('"action.operation": "contact.archive", "action.connector": "salesforce"', False),
        ('"action.operation": "contact.archive", "action.connector": null', False),
    ],
)
def test_only_its_own_operation_and_system(action: str, covered: bool) -> None:
    assert _covered(ARCHIVE, '{"contact.tags": ["a"], ' + action + "}") == [covered]


def test_a_file_of_actions_must_name_the_operation_in_every_record() -> None:
    with_it = '{"contact.tags": ["a"], "action.operation": "contact.archive"}'
    without = '{"contact.tags": ["a"]}'
    assert _covered(ARCHIVE, without, without) == [True, True]
    assert _covered(ARCHIVE, with_it, without) == [True, False]


def test_the_argument_of_the_operation_is_part_of_the_rule() -> None:
    line = '{"deal.status": "open", "action.operation": "deal.move_stage", "action.stage": "%s"}'
    assert _covered('Move open deals to "Closed lost".', line % "closed LOST", line % "Closed won") == [True, False]


def test_a_record_without_facts_of_the_kind_is_not_covered() -> None:
    lines = [
        '{"contact.city": "Berlin"}',
        '{"deal.stage": "x"}',
        '{"action.credits": 1}',
        "{}",
        '{"contact.city": null}',
    ]
    assert _covered("Enrich all contacts.", *lines) == [True, False, False, False, False]


def test_the_cap_counts_the_file_as_one_run() -> None:
    line = '{"contact.tags": ["a"], "now": "2026-11-%02dT10:00:00Z"}'
    lines = [line % 1, line % 1, line % 1, line % 3]
    assert _covered('Archive contacts tagged "a". At most 2 per day.', *lines) == [True, True, False, True]
    assert _covered('Archive contacts tagged "a". At most 2 per run.', *lines) == [True, True, False, False]


def test_counts_from_the_store_are_believed() -> None:
    line = '{"contact.tags": ["a"], "usage.day_actions": %s}'
    assert _covered('Archive contacts tagged "a". At most 20 per day.', line % 19, line % 20, line % "null") == [
        True,
        False,
        False,
    ]


def test_credits() -> None:
    line = '{"contact.tags": ["a"], "action.credits": %s}'
    sentence = 'Archive contacts tagged "a". At most 5 credits per action and at most 8 credits per run.'
    answers = _check(sentence, line % 5, line % 6, line % 3, line % 1, '{"contact.tags": ["a"]}', line % -1)
    assert [answer.covered for answer in answers] == [True, False, True, False, False, False]
    assert "action.credits is missing" in answers[4].why


@pytest.mark.parametrize(
    ("now", "covered"),
    [
        ("2026-11-24T08:00:00Z", True),  # 9:00 in Berlin
        ("2026-11-24T07:59:59.999999Z", False),
        ("2026-11-24T15:59:59Z", True),
        ("2026-11-24T16:00:00Z", False),
        ("2026-07-24T07:00:00Z", True),  # 9:00 in summer
        ("2026-11-28T10:00:00Z", False),  # Saturday
        ("2026-11-29T23:30:00Z", False),  # already Monday in Berlin, but at night
    ],
)
def test_hours_are_those_of_the_zone(now: str, covered: bool) -> None:
    sentence = 'Archive contacts tagged "a" on weekdays 9-17 Europe/Berlin.'
    assert _covered(sentence, '{"contact.tags": ["a"], "now": "' + now + '"}') == [covered]
    (answer,) = check_lines(compile_sentence(sentence), ['{"contact.tags": ["a"]}'], CATALOGUE, now=None)
    assert not answer.covered


def test_names_compare_without_case_and_spacing_but_otherwise_exactly() -> None:
    lines = [json.dumps({"contact.tags": [tag]}) for tag in ("Design  PARTNER", "design partners", "STRASSE", "straße")]
    assert _covered('Archive contacts tagged "design partner" or "Straße".', *lines) == [True, False, True, True]


def test_every_recipient_needs_a_recipient() -> None:
    line = '{"contact.tags": ["a"], "action.recipients": %s}'
    sentence = 'Send follow-ups to contacts tagged "a" if every recipient is at acme.com.'
    assert _covered(
        sentence,
        line % '["x@acme.com"]',
        line % '["x@acme.com", "y@evil.com"]',
        line % "[]",
        line % '["x@sub.acme.com"]',
    ) == [True, False, False, False]
