"""What analysis finds about a rule before it may be switched on, as the JSON that is stored and shown with it."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from coco.guardrails.catalogue import Catalogue
from coco.guardrails.english.compiler import Compiled
from coco.guardrails.export import not_covered
from coco.guardrails.form import Form

_ONE_AT_A_TIME = Lock()
"""The solver keeps its state in one place for the process."""


def study(
    compiled: Compiled, before: Form | None, others: Sequence[tuple[str, Form]], catalogue: Catalogue
) -> dict[str, Any]:
    """`applies` (a record that it covers; null: it never does), `spares` (one that it holds; null: it covers all),
    `overlaps` [{"guardrail", "record"}], `compared` with the version before (relation and witnesses, or null),
    `not_covered`, `notes`. Takes up to seconds; call it in a thread. An answer that the solver cannot confirm is
    "unknown", never a guess."""
    from coco.guardrails.analysis import Unconfirmed, compare_forms, counterexample, example, overlap

    form = compiled.form
    assert form is not None, "a refused sentence has nothing to study"
    with _ONE_AT_A_TIME:

        def witness(find: Any, *forms: Form) -> Any:
            try:
                found = find(*forms, catalogue)
            except Unconfirmed:
                return "unknown"
            return None if found is None else found.facts

        overlaps = [{"guardrail": name, "record": witness(overlap, form, other)} for name, other in others]
        compared = None if before is None else compare_forms(before, form, catalogue)
        return {
            "applies": witness(example, form),
            "spares": witness(counterexample, form),
            "overlaps": [one for one in overlaps if one["record"] is not None],
            "compared": None
            if compared is None
            else {
                "relation": compared.relation,
                "only_new": compared.only_new.facts if compared.only_new else None,
                "only_old": compared.only_old.facts if compared.only_old else None,
                "reasons": list(compared.reasons),
            },
            "not_covered": not_covered(form, catalogue),
            "notes": list(compiled.notes),
        }


def widens(before: Form | None, after: Form, catalogue: Catalogue) -> bool:
    """Whether a rule may cover what the one before did not. What cannot be told counts as wider."""
    from coco.guardrails.analysis import compare_forms

    if before is None:
        return True
    with _ONE_AT_A_TIME:
        return compare_forms(before, after, catalogue).relation not in {"stricter", "equivalent"}
