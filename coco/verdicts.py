"""A guardrail's verdict as it is written down, and taken again from what was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coco.guardrails.catalogue import Catalogue
from coco.guardrails.evaluate import Tally, evaluate
from coco.guardrails.form import Form
from coco.guardrails.records import Record, read_record
from coco.requests import Frozen


class Judged(Frozen):
    """A verdict with what it was taken on. `facts` are plain JSON; `now` and `usage.*` are among them."""

    covered: bool
    facts: dict[str, Any]
    why: dict[str, Any]


def judge(form: Form, facts: Mapping[str, Any], catalogue: Catalogue) -> Judged:
    """Nothing is assumed: an action fact, a record fact or a count that is missing holds the action."""
    record = read_record(dict(facts), catalogue)
    verdict = evaluate(form, record, catalogue)
    covered, text = verdict.covered, verdict.why
    if covered and (over := limit_problem(form, record)) is not None:
        covered, text = False, f"held: {over}"
    clauses = [{"text": one.text, "held": one.held, "facts": dict(one.facts)} for one in verdict.clauses]
    return Judged(covered=covered, facts=dict(facts), why={"text": text, "clauses": clauses})


def limit_problem(form: Form, record: Record) -> str | None:
    """Why one more action would pass a limit of the rule; a count that a limit needs must be there."""
    counts = [f"usage.{per}_actions" for per, _ in form.limits.actions]
    counts += [f"usage.{per}_credits" for per, _ in form.limits.credits]
    for name in counts:
        if name not in record.facts:
            return f"{name} is missing"
    return Tally().problem(form.limits, record)


class Recomputed(Frozen):
    """What an audit entry says of a verdict, next to what its facts give when judged again."""

    guardrail: str
    version: int
    reading: str
    recorded: bool
    recomputed: bool
    why: dict[str, Any]

    @property
    def agrees(self) -> bool:
        return self.recorded == self.recomputed


def recompute(body: Mapping[str, Any], catalogue: Catalogue) -> Recomputed | None:
    """The verdict that an autonomous action's audit entry rests on, taken again from the entry alone.

    None for an entry that names no guardrail. Raises pydantic.ValidationError or KeyError for a damaged one.
    """
    rule = body.get("guardrail")
    if not isinstance(rule, Mapping):
        return None
    again = judge(Form.model_validate(rule["form"]), rule["evaluation"]["facts"], catalogue)
    return Recomputed(
        guardrail=rule["id"],
        version=rule["version"],
        reading=rule["reading"],
        recorded=rule["evaluation"]["verdict"] == "covered",
        recomputed=again.covered,
        why=again.why,
    )
