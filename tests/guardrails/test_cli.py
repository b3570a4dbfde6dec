"""`coco guardrail …` as a script uses it: exit codes, one JSON object or one line for each record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.guardrail import app

RULE = 'Archive contacts tagged "a" created more than 30 days ago.'
RECORD = '{"id": "c1", "contact.tags": ["a"], "contact.created_at": "2026-01-01T00:00:00Z"%s}'
KEYS = ["ok", "reading", "predicate", "operations", "mode", "window", "limits", "problems"]


def _run(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def test_compile_prints_one_object() -> None:
    result = _run("compile", "--json", RULE)
    assert result.exit_code == 0
    data = json.loads(result.stdout)
    assert list(data)[: len(KEYS)] == KEYS
    assert data["ok"] is True
    assert data["operations"] == ["contact.archive"]
    assert data["problems"] == []
    assert '"a" in contact.tags' in data["predicate"]


def test_compile_says_where_a_sentence_is_refused() -> None:
    result = _run("compile", "--json", "Archive important contacts.")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert [data[key] for key in KEYS[:7]] == [False, None, None, [], None, None, None]
    assert data["problems"] == [
        {
            "span": [8, 17],
            "text": "important",
            "message": '"important" is a judgement, not a fact. Name the fact that shows it, '
            "such as a tag, a stage or an amount",
            "suggestion": 'Archive contacts tagged "key account".',
        }
    ]


def test_check_answers_every_record(tmp_path: Path) -> None:
    facts = tmp_path / "facts.jsonl"
    lines = [RECORD % ', "now": "2026-11-24T10:00:00Z"', "", "oops", RECORD % ', "now": "2026-01-02T00:00:00Z"']
    facts.write_text("\n".join(lines), "utf-8")
    result = _run("check", "--json", "--facts", str(facts), RULE)
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(answer["id"], answer["verdict"]) for answer in answers] == [
        ("c1", "covered"),
        ("line 3", "held"),
        ("c1", "held"),
    ]
    assert all(answer["why"] for answer in answers)


def test_check_of_a_refused_sentence_holds_everything() -> None:
    result = _run("check", "--json", "--facts", "-", "Archive everything.", stdin=RECORD % "" + "\n")
    assert result.exit_code == 1
    (answer,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert answer["verdict"] == "held"
    assert "refused" in answer["why"]


def test_now_may_be_given() -> None:
    young = _run("check", "--json", "--facts", "-", "--now", "2026-01-02T00:00:00Z", RULE, stdin=RECORD % "")
    old = _run("check", "--json", "--facts", "-", "--now", "2026-11-02T00:00:00Z", RULE, stdin=RECORD % "")
    assert [json.loads(one.stdout)["verdict"] for one in (young, old)] == ["held", "covered"]


def test_a_record_without_now_among_others_with_it_is_held() -> None:
    both = RECORD % ', "now": "2026-11-24T10:00:00Z"' + "\n" + RECORD % ""
    result = _run("check", "--json", "--facts", "-", RULE, stdin=both)
    assert [json.loads(line)["verdict"] for line in result.stdout.splitlines()] == ["covered", "held"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--json", RULE),
        ("check", "--facts", "/does/not/exist.jsonl", RULE),
        ("check", "--facts", "-", "--now", "noon", RULE),
        ("compile",),
        ("unheard-of",),
    ],
)
def test_usage_errors_exit_with_2(arguments: tuple[str, ...]) -> None:
    assert _run(*arguments, stdin="").exit_code == 2


def test_invalid_bytes_are_a_problem_of_their_line() -> None:
    data = (RECORD % ', "now": "2026-11-24T10:00:00Z"').encode() + b'\n{"id": "\xff", "contact.tags": ["\xff"]}\n'
    result = CliRunner().invoke(app, ["check", "--json", "--facts", "-", RULE], input=data)
    assert [json.loads(line)["verdict"] for line in result.stdout.splitlines()] == ["covered", "held"]


def test_text_output_shows_reading_and_problems() -> None:
    assert "Archive all contacts where" in _run("compile", RULE).stdout
    refused = _run("compile", "Archive important contacts.")
    assert "judgement" in refused.stdout
    assert "Try:" in refused.stdout


def test_compare_and_facts() -> None:
    result = _run("compare", "--json", 'Archive contacts tagged "a".', 'Archive contacts tagged "a" or "b".')
    assert json.loads(result.stdout)["relation"] == "looser"
    assert _run("compare", "--json", "Archive.", RULE).exit_code == 1
    assert "contact.tags" in _run("facts", "--json").stdout
    assert _run("facts").exit_code == 0


def test_half_a_surrogate_pair_is_answered_too() -> None:
    line = '{"id": "\\ud800", "contact.tags": ["\\ud800"], "contact.email": "\\ud800", "now": "2026-11-24T10:00:00Z"}'
    result = _run("check", "--json", "--facts", "-", RULE, stdin=line)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["verdict"] == "held"


def test_compile_shows_examples_from_the_records() -> None:
    deals = {"a": 20_000, "b": 9_000}
    lines = [json.dumps({"id": name, "deal.amount": deals[name], "deal.currency": "USD"}) for name in deals]
    result = _run("compile", "--json", "--facts", "-", "Update deals over $10,000.", stdin="\n".join(lines))
    examples = json.loads(result.stdout)["examples"]
    assert {side: [one["id"] for one in found] for side, found in examples.items()} == {"covered": ["a"], "held": ["b"]}


def test_backtest_reports_agreement() -> None:
    line = (
        '{"id": "%s", "deal.amount": %s, "deal.currency": "USD", "action.operation": "deal.update", "decision": "%s"}'
    )
    lines = [line % one for one in (("a", 20_000, "approved"), ("b", 9_000, "approved"), ("c", 1, "rejected"))]
    result = _run("backtest", "--json", "--facts", "-", "Update deals over $10,000.", stdin="\n".join(lines))
    data = json.loads(result.stdout)
    assert data["summary"] == "agrees with 2 of 3 of your decisions; here are the 1"
    assert [one["id"] for one in data["disagreements"]] == ["b"]
