"""A record with anything wrong in it is held, with a reason that names the fact; its neighbours are still answered."""

from __future__ import annotations

import pytest

from coco.guardrails.check import check_lines
from coco.guardrails.english.compiler import compile_sentence

from .strategies import CATALOGUE

GOOD = '"contact.tags": ["a"], "contact.created_at": "2026-01-01T00:00:00Z", "now": "2026-11-24T10:00:00Z"'
RULE = compile_sentence('Archive contacts tagged "a" created more than 30 days ago.')


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (
            "{" + GOOD + ', "contact.tagz": ["a"]}',
            "contact.tagz is not a fact of the catalogue; did you mean contact.tags?",
        ),
        ("{" + GOOD + ', "deal.amount": "12000"}', "deal.amount is text"),
        ("{" + GOOD + ', "deal.amount": true}', "deal.amount is true/false"),
        ("{" + GOOD + ', "contact.updated_at": "0001-01-01T00:00:00+14:00"}', "is no date that exists"),
        ("{" + GOOD + ', "contact.updated_at": "0001-01-01T00:00:00Z"}', "lies before 1900"),
        ("{" + GOOD + ', "deal.amount": NaN}', "NaN is no number"),
        ("{" + GOOD + ', "deal.amount": 1e999}', "deal.amount is not a finite number"),
        ("{" + GOOD + ', "company.employees": 1.5}', "company.employees is 1.5; it must be a whole number"),
        ("{" + GOOD + ', "company.employees": -1}', "company.employees is -1"),
        ("{" + GOOD + ', "deal.probability": 60}', "deal.probability is 60"),
        ("{" + GOOD + ', "contact.unsubscribed": 0}', "contact.unsubscribed is a number"),
        ("{" + GOOD + ', "contact.country": "Narnia"}', "contact.country"),
        ("{" + GOOD + ', "contact.email": "nobody"}', "contact.email"),
        ("{" + GOOD + ', "contact.email": "a@b.com", "contact.email_domain": "c.com"}', "contradicts"),
        ("{" + GOOD + ', "contact": {"tags": ["b"]}}', "contact.tags is given twice"),
        ("{" + GOOD + ', "now": "2026-11-24T10:00:00Z"}', "written twice"),
        (
            '{"contact.tags": "a", "contact.created_at": "2026-01-01T00:00:00Z", "now": "2026-11-24T10:00:00Z"}',
            "contact.tags is text",
        ),
        (
            '{"contact.tags": ["a", 1], "contact.created_at": "2026-01-01T00:00:00Z", "now": "2026-11-24T10:00:00Z"}',
            "entry 2 is a number",
        ),
        ('{"contact.tags": ["a"], "contact.created_at": "2026-01-01", "now": "2026-11-24T10:00:00Z"}', "no time zone"),
        (
            '{"contact.tags": ["a"], "contact.created_at": "2026-02-31T00:00:00Z", "now": "2026-11-24T10:00:00Z"}',
            "no date that exists",
        ),
        (
            '{"contact.tags": ["a"], "contact.created_at": 1700000000, "now": "2026-11-24T10:00:00Z"}',
            "contact.created_at is a number",
        ),
        (
            '{"contact.tags": ["a"], "contact.created_at": "2027-01-01T00:00:00Z", "now": "2026-11-24T10:00:00Z"}',
            "lies after now",
        ),
        (
            '{"contact.tags": ["a\\u200b"], "contact.created_at": "2026-01-01T00:00:00Z", "now": '
            '"2026-11-24T10:00:00Z"}',
            "invisible",
        ),
        ('{"contact.tags": ["a"], "now": "2026-11-24T10:00:00Z"}', "contact.created_at is missing"),
        (
            '{"contact.tags": null, "contact.created_at": "2026-01-01T00:00:00Z", "now": "2026-11-24T10:00:00Z"}',
            "contact.tags is null",
        ),
        ("not json", "line 2: not JSON"),
        ("[1]", "line 2: a list, not a JSON object"),
    ],
)
def test_held_with_the_reason(line: str, named: str) -> None:
    before, held, after = check_lines(RULE, ["{" + GOOD + "}", line, "{" + GOOD + "}"], CATALOGUE, now=None)
    assert (before.covered, held.covered, after.covered) == (True, False, True)
    assert named in held.why


@pytest.mark.parametrize(
    "sentence",
    [
        'Archive contacts not tagged "x".',
        'Archive all contacts unless they are tagged "x".',
        "Archive all contacts except customers.",
        "Archive contacts not in Germany.",
        "Archive contacts that are not unsubscribed.",
        'Archive contacts tagged "a" or in Germany.',
        "Archive contacts with no owner.",
        "Archive contacts where no email has bounced.",
        'Archive contacts not owned by "Ann".',
    ],
)
@pytest.mark.parametrize("facts", ['"contact.city": "Berlin"', '"contact.city": "Berlin", "contact.tags": null'])
def test_an_unknown_fact_covers_nothing_even_under_a_negation(sentence: str, facts: str) -> None:
    compiled = compile_sentence(sentence)
    assert compiled.ok
    (answer,) = check_lines(compiled, ["{" + facts + ', "now": "2026-11-24T10:00:00Z"}'], CATALOGUE, now=None)
    assert not answer.covered
    assert "missing" in answer.why or "null" in answer.why


def test_an_amount_in_another_currency_is_on_neither_side_of_the_line() -> None:
    over, not_over = (
        compile_sentence(f"Update deals {words} $10,000.") for words in ("with an amount over", "not over")
    )
    line = '{"deal.amount": %s, "deal.currency": %s}'
    lines = [line % ("20000", '"EUR"'), line % ("20000", "null"), line % ("20000", '"usd"'), line % ("10000", '"USD"')]
    assert [a.covered for a in check_lines(over, lines, CATALOGUE, now=None)] == [False, False, True, False]
    assert [a.covered for a in check_lines(not_over, lines, CATALOGUE, now=None)] == [False, False, False, True]
    (missing,) = check_lines(over, ['{"deal.amount": 20000}'], CATALOGUE, now=None)
    assert "deal.currency is missing" in missing.why


def test_an_unknown_now_is_not_absorbed_by_an_alternative() -> None:
    from coco.guardrails.cel import cel_holds
    from coco.guardrails.records import Record, read_record

    compiled = compile_sentence('Archive contacts tagged "a" or silent for 30 days.')
    assert compiled.form is not None
    facts = {"contact.tags": ["a"], "contact.last_activity_at": "2026-01-01T00:00:00Z"}
    records: list[Record] = [read_record({**facts, **now}, CATALOGUE) for now in ({"now": None}, {})]
    for record in records:
        assert not cel_holds(compiled.form, record, CATALOGUE)
    known = read_record({**facts, "now": "2026-11-24T10:00:00Z"}, CATALOGUE)
    assert cel_holds(compiled.form, known, CATALOGUE)
