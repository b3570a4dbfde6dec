"""Checking a file of records against one rule: what `coco guardrail check` prints.

A file describes either actions or plain records. Where no record of the file carries `action.operation`, the question
is "what if the rule's own operation were proposed for this record"; as soon as one record carries it, every record
must. The same goes for each other fact of the frame (`action.connector`, `action.stage`, …) and for `now`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .catalogue import Catalogue
from .english.compiler import Compiled
from .evaluate import FRAME_FACTS, Clause, Tally, evaluate
from .records import Record, read_lines


@dataclass(frozen=True)
class Answer:
    id: str
    covered: bool
    why: str
    clauses: tuple[Clause, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "verdict": "covered" if self.covered else "held",
            "why": self.why,
            "clauses": [{"text": c.text, "held": c.held, "facts": dict(c.facts)} for c in self.clauses],
        }


def check_lines(
    compiled: Compiled, lines: Iterable[str], catalogue: Catalogue, *, now: int | None, now_given: bool = False
) -> Iterator[Answer]:
    """An answer for each record, in order. `now` (microseconds) stands in for records without one."""
    records = list(read_lines(lines, catalogue))
    yield from check_records(compiled, records, catalogue, now=now, now_given=now_given)


def check_records(
    compiled: Compiled, records: list[Record], catalogue: Catalogue, *, now: int | None, now_given: bool = False
) -> Iterator[Answer]:
    """As `check_lines`, for records that are already read."""
    form = compiled.form
    if form is None:
        why = "held: the sentence was refused: " + "; ".join(
            f'"{problem.text}": {problem.message}' if problem.text else problem.message for problem in compiled.problems
        )
        for record in records:
            yield Answer(record.id, False, why)
        return
    carried = {name for record in records for name in record.facts}
    assumed = frozenset(name for name in FRAME_FACTS if name not in carried)
    fill_now = now is not None and (now_given or "now" not in carried)
    tally = Tally()
    for record in records:
        if fill_now and "now" not in record.facts:
            record = replace(record, facts={**record.facts, "now": now})
        verdict = evaluate(form, record, catalogue, assumed=assumed)
        if verdict.covered:
            over = tally.problem(form.limits, record)
            if over is not None:
                yield Answer(record.id, False, f"held: {over}", verdict.clauses)
                continue
            tally.add(record)
        yield Answer(record.id, verdict.covered, verdict.why, verdict.clauses)
