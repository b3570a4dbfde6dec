"""What a rule would have done on recorded actions, next to what the person decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .catalogue import Catalogue
from .check import check_records
from .english.compiler import Compiled
from .records import Record

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

    @property
    def summary(self) -> str:
        text = f"agrees with {self.agreed} of {self.decided} of your decisions"
        return text + (f"; here are the {len(self.disagreements)}" if self.disagreements else "")


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
