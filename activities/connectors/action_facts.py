"""How a connector tells guardrails what its actions are: the hook that each folder's `facts.py` fills in.

Everything here is pure, and looks only at what the action was built from (its exact arguments, the attested value
before) and at attested answers to the requests that it names itself. What cannot be told for sure is left out:
unknown, so a rule that needs it does not cover the action.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from coco.requests import PreparedRequest, ProviderResponse

Facts = dict[str, Any]
"""Facts by their names in the catalogue, as plain JSON."""


@dataclass(frozen=True)
class Proposed:
    """One action, as far as facts are made of it."""

    operation: str
    arguments: Mapping[str, Any]
    """As the operation validated them, defaults filled in."""
    prior: Mapping[str, Any] | None = None
    """The value before, from the attested read that the action was built on."""
    base_url: str = ""
    """The address that the owner gave the connection."""


class ActionFacts:
    """A connector's facts. Says nothing by default, so that no rule covers its actions."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        """`action.*` facts, one set for each name under which a rule may speak of the action; empty: no rule can.

        Total: never raises for an action that its operation built.
        """
        return ()

    def people(self, action: Proposed) -> tuple[str, ...]:
        """The addresses of those whom the action is for: the one of a single one leads to the CRM's contact."""
        return ()

    def wanted(self, action: Proposed, needed: Collection[str]) -> tuple[PreparedRequest, ...]:
        """The reads, over the action's own connection, that tell more of what is `needed`: kinds of record, and names
        of facts. None where nothing that they tell is needed."""
        return ()

    def about(self, action: Proposed, answers: Mapping[PreparedRequest, ProviderResponse]) -> Facts:
        """Facts of the record behind the action, and of the action where its arguments have ids only.

        From the value before and from answers to `wanted`, as far as they are there. Raises InvalidInput for an answer
        that cannot be understood.
        """
        return {}


def only_one(values: Collection[str]) -> str | None:
    """The value, where there is exactly one."""
    return next(iter(values)) if len(values) == 1 else None
