"""The three CEL implementations for Python next to each other: `python -m bench.guardrails_cel`.

Conformance on the expressions that guardrails emit and on the corners that decide safety (missing facts, null, mixed
types, empty lists, error absorption), speed of one evaluation, and how each treats types. The outcome is written up in
docs/decisions/cel.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
FACTS: dict[str, Any] = {
    "contact": {
        "tags": ["vip", "old"],
        "none": [],
        "owner": None,
        "created_at": NOW - timedelta(hours=24),
        "unsubscribed": False,
    },
    "deal": {"stage": "qualified", "amount": 12000.5, "count": 3, "last_activity_at": NOW - timedelta(days=15)},
    "email": {"bounced": [True, True, False]},
    "now": NOW,
    "empty": ["contact.owner"],
}

# expression -> what the CEL specification says (ERROR for an evaluation error)
EXPRESSIONS: dict[str, object] = {
    '"vip" in contact.tags': True,
    'contact.tags.exists(v, v in ["a", "old"])': True,
    'size(["vip", "x"].filter(v, v in contact.tags)) >= 2': False,
    'deal.stage in ["qualified", "demo"]': True,
    "deal.amount > 12000.0 && deal.amount <= 12000.5": True,
    "deal.amount > 12000": True,  # cross-type numeric comparison
    "deal.count >= 3": True,
    'now - deal.last_activity_at > duration("1209600s")': True,
    'now - contact.created_at <= duration("86400s")': True,
    'contact.created_at < timestamp("2026-11-23T10:00:01Z")': True,
    'now.getHours("Europe/Berlin") * 60 + now.getMinutes("Europe/Berlin") >= 660': True,
    'now.getDayOfWeek("America/New_York") in [2]': True,
    "size(email.bounced.filter(v, v)) * 10000 >= size(email.bounced) * 10000": False,
    "contact.none.all(v, v == 'x')": True,  # vacuous: why "every" needs a guard
    "has(contact.owner)": True,
    "has(contact.missing)": False,
    "contact.missing == 'x'": "ERROR",
    "!(contact.missing == 'x')": "ERROR",
    "contact.missing == 'x' || true": True,  # an error is absorbed: why requirements stand in front
    "contact.missing == 'x' && false": False,
    "contact.owner == null": True,
    "contact.tags != null": True,
    "deal.amount == null": False,
    '"contact.owner" in empty': True,
    "(contact.unsubscribed ? 1 : 0) + (true ? 1 : 0) >= 1": True,
    '"Straße".size() == 6': True,
    "1.0 / 0.0 > 1.0": True,
    "deal.stage > 5": "ERROR",
}


def celpy_engine() -> tuple[str, Callable[[str], Callable[[], object]]]:
    import celpy
    from celpy import celtypes, json_to_cel

    def cel(value: Any) -> Any:
        if isinstance(value, datetime):
            return celtypes.TimestampType(value)
        if isinstance(value, dict):
            return celtypes.MapType({celtypes.StringType(key): cel(inner) for key, inner in value.items()})
        return json_to_cel(value)

    activation = {name: cel(value) for name, value in FACTS.items()}
    environment = celpy.Environment()

    def prepare(text: str) -> Callable[[], object]:
        program = environment.program(environment.compile(text))
        return lambda: bool(program.evaluate(activation))

    return "cel-python", prepare


def cel_expr_engine() -> tuple[str, Callable[[str], Callable[[], object]]]:
    from cel_expr_python import cel

    kinds = {
        "contact": cel.Type.DYN,
        "deal": cel.Type.DYN,
        "email": cel.Type.DYN,
        "now": cel.Type.TIMESTAMP,
        "empty": cel.Type.DYN,
    }
    environment = cel.NewEnv(variables=kinds)

    def prepare(text: str) -> Callable[[], object]:
        expression = environment.compile(text)

        def run() -> object:
            result = expression.eval(data=FACTS)
            value = result.value()
            if not isinstance(value, bool):
                raise TypeError(str(value))
            return value

        return run

    return "cel-expr-python", prepare


def common_engine() -> tuple[str, Callable[[str], Callable[[], object]]]:
    import cel

    context = cel.Context(variables=FACTS)

    def prepare(text: str) -> Callable[[], object]:
        program = cel.compile(text)
        return lambda: program.execute(context)

    return "common-expression-language", prepare


def main() -> None:
    for make in (celpy_engine, cel_expr_engine, common_engine):
        name, prepare = make()
        differs, took = [], []
        for text, expected in EXPRESSIONS.items():
            try:
                run = prepare(text)
                found: object = run()
            except BaseException as problem:  # a panic of a native engine included: it is what we measure
                if isinstance(problem, KeyboardInterrupt):
                    raise
                found = "ERROR"
                detail = f"{type(problem).__name__}: {str(problem)[:90]}"
            else:
                detail = ""
                start = time.perf_counter()
                for _ in range(50):
                    run()
                took.append((time.perf_counter() - start) / 50 * 1e6)
            if found != expected:
                differs.append(f"{text}  expected {expected}, got {found} {detail}")
        print(
            f"{name}: {len(EXPRESSIONS) - len(differs)} of {len(EXPRESSIONS)} as specified, "
            f"{sum(took) / len(took):.1f} µs an evaluation"
        )
        for line in differs:
            print("   ", line)


if __name__ == "__main__":
    main()
