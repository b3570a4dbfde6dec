"""Proposals by a language model for sentences that the grammar refuses.

A proposal is the typed form, never a verdict, and it goes through the same checks as a compiled sentence: it must be a
valid form over the catalogue, its canonical reading must compile back to it, and some record must be able to satisfy
it. It is marked `proposed_by`, so that the page can say who wrote it; the owner confirms its reading like any other.
No provider is called here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from .analysis import Unconfirmed, example
from .catalogue import Catalogue
from .english.compiler import Compiled, compile_sentence
from .english.problems import Problem
from .form import Form
from .reading import reading


class Proposer(Protocol):
    """Something that suggests a form (as JSON) for a refused sentence, or None."""

    name: str

    def propose(self, sentence: str, problems: tuple[Problem, ...]) -> Mapping[str, Any] | None: ...


def propose(refused: Compiled, proposer: Proposer, catalogue: Catalogue) -> Compiled:
    """The proposal as a compiled sentence, or `refused` with a further problem that says why it was not taken."""
    if refused.ok:
        return refused
    data = proposer.propose(refused.sentence, refused.problems)
    if data is None:
        return refused
    try:
        form = Form.model_validate({**data, "proposed_by": proposer.name})
        text = reading(form, catalogue)
    except (ValidationError, KeyError, ValueError, TypeError) as problem:
        return _not_taken(refused, proposer, f"is no valid rule: {str(problem).splitlines()[0]}")
    again = compile_sentence(text, catalogue, suggesting=False)
    if again.form is None or again.form.model_copy(update={"proposed_by": proposer.name}) != form:
        return _not_taken(refused, proposer, "says something that its plain-English reading does not")
    try:
        possible = example(form, catalogue)
    except Unconfirmed:
        possible = None
    if possible is None:
        return _not_taken(refused, proposer, "could never apply")
    return Compiled(refused.sentence, form, text, (), (f"Proposed by {proposer.name}, not compiled from your words.",))


def _not_taken(refused: Compiled, proposer: Proposer, why: str) -> Compiled:
    problem = Problem((0, len(refused.sentence)), refused.sentence, f"what {proposer.name} proposed {why}")
    return Compiled(refused.sentence, None, "", (*refused.problems, problem))
