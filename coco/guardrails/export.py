"""A compiled sentence as the JSON that the command line and the API show."""

from __future__ import annotations

from typing import Any

from .catalogue import Catalogue
from .cel import cel_text
from .declarations import default_catalogue
from .english.compiler import Compiled
from .form import Form, Limits, Window
from .reading import weekly_text
from .requirements import form_requirements


def compiled_json(compiled: Compiled, catalogue: Catalogue | None = None) -> dict[str, Any]:
    """`ok`, `reading`, `predicate` (CEL), `operations`, `mode`, `window`, `limits`, `problems`; then `target`,
    `connector`, `arguments`, `wait_hours`, `run_when_offline`, `excluded_operations`, `notes`, `warnings`,
    `not_covered`.

    A refused sentence has the same keys: null, or empty lists."""
    catalogue = catalogue or default_catalogue()
    form = compiled.form
    if form is None:
        empty: dict[str, Any] = {
            "ok": False,
            "reading": None,
            "predicate": None,
            "operations": [],
            "mode": None,
            "window": None,
            "limits": None,
        }
        return {**empty, "problems": [problem.as_json() for problem in compiled.problems]}
    return {
        "ok": True,
        "reading": compiled.reading,
        "predicate": cel_text(form, catalogue),
        "operations": [covered.operation for covered in form.operations],
        "mode": form.mode,
        "window": window_json(form.window),
        "limits": limits_json(form.limits),
        "problems": [],
        "target": form.target,
        "connector": form.connector,
        "arguments": {fact: value for covered in form.operations for fact, value in covered.arguments},
        "wait_hours": form.wait_hours,
        "run_when_offline": form.run_when_offline,
        "excluded_operations": list(form.excluded),
        "proposed_by": form.proposed_by,
        "notes": list(compiled.notes),
        "warnings": list(compiled.warnings),
        "not_covered": not_covered(form, catalogue),
    }


def window_json(window: Window) -> dict[str, Any] | None:
    """`within`: {fact, seconds}; `weekly`: {days, start, end, zone}; null where there is no window."""
    if window.within is None and window.weekly is None:
        return None
    weekly = window.weekly
    return {
        "within": window.within.model_dump() if window.within is not None else None,
        "weekly": None
        if weekly is None
        else {
            "days": list(weekly.days),
            "start": f"{weekly.start // 60:02}:{weekly.start % 60:02}",
            "end": f"{weekly.end // 60:02}:{weekly.end % 60:02}",
            "zone": weekly.zone,
            "text": weekly_text(weekly),
        },
    }


def limits_json(limits: Limits) -> dict[str, Any]:
    """Every cap by name, null where the rule sets none."""
    actions, spending = dict(limits.actions), dict(limits.credits)
    return {
        "per_run": actions.get("run"),
        "per_hour": actions.get("hour"),
        "per_day": actions.get("day"),
        "per_week": actions.get("week"),
        "per_month": actions.get("month"),
        "credits_per_action": limits.credits_per_action,
        "credits_per_run": spending.get("run"),
        "credits_per_day": spending.get("day"),
        "credits_per_week": spending.get("week"),
        "credits_per_month": spending.get("month"),
    }


def not_covered(form: Form, catalogue: Catalogue) -> list[str]:
    """What stays with the gate, in plain words."""
    ours = ", ".join(covered.operation for covered in form.operations)
    found = [f"any operation but {ours}"]
    if form.connector is not None:
        found.append(f"records of any other system than {form.connector}")
    needs = form_requirements(form, catalogue)
    known = [need.fact for need in needs if need.kind in {"known", "present"} and need.fact != "now"]
    if known:
        found.append(
            f"{form.target} records where one of these is missing, null or malformed: {', '.join(dict.fromkeys(known))}"
        )
    for need in needs:
        if need.kind == "some":
            found.append(f"records where {need.fact} is an empty list")
        elif need.kind == "equals":
            found.append(f"records where {need.fact} is not {need.value}")
        elif need.kind == "alone":
            people = "attendees" if "attendee" in need.fact else "recipients"
            found.append(f"more {people} than one, or one that is not the record's contact")
        elif need.kind == "past":
            found.append(f"records where {need.fact} lies in the future")
    if form.limits.credits or form.limits.credits_per_action is not None:
        found.append("actions whose cost is not known")
    if form.mode == "draft_only":
        found.append("sending: drafts wait in the queue for review")
    return found
