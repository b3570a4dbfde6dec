"""Speed of guardrails, as ratios in one run: `python -m bench.guardrails`.

(1) one action against one rule, next to cedarpy on the equivalent policy; (2) 100,000 records against 50 rules;
(3) compiling a sentence.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cedarpy

from coco.guardrails.cel import cel_holds
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.evaluate import evaluate
from coco.guardrails.fast import Columns, compile_rule
from coco.guardrails.form import Form
from coco.guardrails.records import Record, read_record

CATALOGUE = default_catalogue()
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
RULE = "Auto-draft follow-ups for any deal silent more than 14 days at the qualified stage over $5,000."
POLICY = """
permit(principal, action == Action::"email.draft", resource)
when {
  context.stage == "qualified" && context.currency == "USD" &&
  context.amount > 5000 && context.silent_seconds > 1209600
};
"""


def _form(sentence: str) -> Form:
    compiled = compile_sentence(sentence)
    assert compiled.form is not None, compiled.problems
    return compiled.form


def _micro(run: Callable[[], object], rounds: int) -> float:
    """Best of five, microseconds a call."""
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(rounds):
            run()
        best = min(best, (time.perf_counter() - start) / rounds)
    return best * 1e6


def one_action() -> dict[str, float]:
    """Microseconds for one verdict by each way of getting it."""
    form = _form(RULE)
    data = {
        "id": "d1",
        "action.operation": "email.draft",
        "deal.stage": "Qualified",
        "deal.amount": 12000,
        "deal.currency": "USD",
        "deal.last_activity_at": "2026-11-01T10:00:00Z",
        "now": "2026-11-24T10:00:00Z",
    }
    record = read_record(data, CATALOGUE)
    rule = compile_rule(form, CATALOGUE)
    request = {
        "principal": 'Workflow::"w"',
        "action": 'Action::"email.draft"',
        "resource": 'Deal::"d1"',
        "context": {"stage": "qualified", "amount": 12000, "currency": "USD", "silent_seconds": 1987200},
    }
    assert rule(record)
    assert cedarpy.is_authorized(request, POLICY, []).allowed
    return {
        "cedarpy": _micro(lambda: cedarpy.is_authorized(request, POLICY, []), 300),
        "rule on read facts": _micro(lambda: rule(record), 5000),
        "rule, reading the facts too": _micro(lambda: rule(read_record(data, CATALOGUE)), 2000),
        "explained verdict": _micro(lambda: evaluate(form, record, CATALOGUE), 500),
        "CEL (cel-python)": _micro(lambda: cel_holds(form, record, CATALOGUE), 100),
    }


def _records(count: int) -> list[Record]:
    rng = random.Random(7)

    def ago(days: float) -> str:
        return (NOW - timedelta(days=days)).isoformat()

    return [
        read_record(
            {
                "id": str(index),
                "now": NOW.isoformat(),
                "action.operation": rng.choice(["contact.archive", "contact.enrich", "email.draft"]),
                "contact.tags": rng.sample(["vip", "old", "beta", "trial", "partner"], rng.randrange(3)),
                "contact.created_at": ago(rng.uniform(0, 400)),
                "contact.last_activity_at": ago(rng.uniform(0, 200)),
                "contact.country": rng.choice(["DE", "FR", "US", "AT"]),
                "contact.owner": rng.choice(["Ann", "Bob", None]),
                "contact.unsubscribed": rng.random() < 0.1,
                "contact.lifecycle_stage": rng.choice(["lead", "customer"]),
                "contact.score": rng.randrange(100),
                "email.bounced": [rng.random() < 0.5 for _ in range(rng.randrange(4))],
                "company.employees": rng.randrange(1000),
            },
            CATALOGUE,
        )
        for index in range(count)
    ]


def _rules() -> list[Form]:
    sentences = []
    tags, countries = ["vip", "old", "beta", "trial", "partner"], ["Germany", "France", "the US", "Austria"]
    for index in range(50):
        tag, country = tags[index % 5], countries[index % 4]
        sentences.append(
            [
                f'Archive contacts tagged "{tag}" in {country} with no activity in {10 + index} days.',
                f'Enrich contacts not tagged "{tag}" created in the last {30 + index} days, unless owned by "Ann".',
                f"Archive contacts where every email has bounced and the lead score is below {index + 5}.",
                f'Archive contacts in {country} or tagged "{tag}" unless they are customers.',
                f"Enrich contacts at companies with more than {index * 10} employees that have not unsubscribed.",
            ][index % 5]
        )
    return [_form(sentence) for sentence in sentences]


def backtest(count: int = 100_000) -> dict[str, float]:
    """Verdicts a second, building the columns included and not."""
    records, rules = _records(count), _rules()
    start = time.perf_counter()
    columns = Columns(records, CATALOGUE)
    covered = sum(sum(columns.covered(rule)) for rule in rules)
    cold = time.perf_counter() - start
    start = time.perf_counter()
    assert covered == sum(sum(columns.covered(rule)) for rule in rules)
    warm = time.perf_counter() - start
    sample = records[:2000]
    compiled = [compile_rule(rule, CATALOGUE) for rule in rules]
    start = time.perf_counter()
    for rule in compiled:
        for record in sample:
            rule(record)
    closures = time.perf_counter() - start
    verdicts = count * len(rules)
    return {
        "records": count,
        "rules": len(rules),
        "covered": covered,
        "columns, verdicts/s": verdicts / cold,
        "columns again, verdicts/s": verdicts / warm,
        "closures, verdicts/s": len(sample) * len(rules) / closures,
    }


def compile_times() -> dict[str, float]:
    """Milliseconds to compile a sentence of the test corpus."""
    path = Path(__file__).parent.parent / "tests" / "guardrails" / "corpus" / "accepted.jsonl"
    sentences = [json.loads(line)["sentence"] for line in path.read_text("utf-8").splitlines()]
    times = []
    compile_sentence(sentences[0])
    for sentence in sentences:
        start = time.perf_counter()
        compile_sentence(sentence)
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    return {
        "sentences": len(times),
        "median ms": statistics.median(times),
        "p95 ms": times[int(len(times) * 0.95)],
        "max ms": times[-1],
    }


def main() -> dict[str, Any]:
    one = one_action()
    print("one action, one rule (µs):")
    for name, value in one.items():
        print(f"  {name:30} {value:10.2f}   {one['cedarpy'] / value:8.1f} x cedarpy's speed")
    results: dict[str, Any] = {"one_action": one, "backtest": backtest(), "compile": compile_times()}
    for title in ("backtest", "compile"):
        print(f"{title}:")
        for name, value in results[title].items():
            print(f"  {name:30} {value:14,.2f}")
    return results


if __name__ == "__main__":
    main()
