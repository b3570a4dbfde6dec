"""What a rule would have done on recorded actions, next to what the person decided."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from .catalogue import Catalogue
from .check import check_records
from .english.compiler import Compiled
from .records import Record, read_line

Decision = Literal["approved", "rejected", "edited"]


@dataclass(frozen=True)
class Disagreement:
    """`ran_alone` is true where the rule would have run what the person did not approve as it was: the kind that
    matters. False: it would have asked for what the person approved."""

    id: str
    decision: Decision
    ran_alone: bool
    why: str


@dataclass(frozen=True)
class Backtest:
    """`summary` is one sentence for the page and the command line."""

    decided: int
    agreed: int
    covered: int
    held: int
    disagreements: tuple[Disagreement, ...]

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "summary": self.summary}

    @property
    def summary(self) -> str:
        text = f"agrees with {self.agreed} of {self.decided} of your decisions"
        return text + (f"; here are the {len(self.disagreements)}" if self.disagreements else "")


def read_history(lines: Iterable[str], catalogue: Catalogue) -> list[tuple[Record, Decision | None]]:
    """Records of a facts file with the decision that each carries. A label that is no decision counts as none."""
    found: list[tuple[Record, Decision | None]] = []
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        record = read_line(text.strip(), catalogue, number)
        try:
            data = json.loads(text)
        except ValueError:
            data = {}
        label = data.get("decision") if isinstance(data, dict) else None
        decision: Decision | None = label if label in get_args(Decision) else None
        found.append((record, decision))
    return found


def backtest(compiled: Compiled, history: Sequence[tuple[Record, Decision | None]], catalogue: Catalogue) -> Backtest:
    """Run the rule over recorded actions. A decision of None (nobody decided) counts as covered or held only.

    Approved agrees with covered; rejected and edited agree with held. Records must carry their own `now` and
    `action.operation`, as they were when the action was proposed.
    """
    answers = list(check_records(compiled, [record for record, _ in history], catalogue, now=None))
    disagreements = []
    decided = 0
    for answer, (_, decision) in zip(answers, history, strict=True):
        if decision is None:
            continue
        decided += 1
        if answer.covered != (decision == "approved"):
            disagreements.append(Disagreement(answer.id, decision, answer.covered, answer.why))
    covered = sum(answer.covered for answer in answers)
    disagreements.sort(key=lambda one: not one.ran_alone)
    return Backtest(decided, decided - len(disagreements), covered, len(answers) - covered, tuple(disagreements))
