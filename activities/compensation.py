"""What takes back an action that took place: what its own operation says does. Pure.

It is a proposal like any other: it goes through the gate, with the values that the action left as its prior. The
gateway compares them right before, so a record that somebody changed since comes back with three values instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.registry import connector
from activities.connectors.taking_back import BY_HAND, Compensation, Done
from coco.actions import Action, Reversibility
from coco.errors import CocoError, InvalidInput
from coco.plans import MessageDraft
from coco.requests import ProviderResponse

__all__ = ["Compensation", "compensation", "draft_of", "follow_up"]


def compensation(
    action: Action,
    arguments: Mapping[str, Any],
    prior_response: ProviderResponse | None,
    response: ProviderResponse | None = None,
) -> Compensation:
    """What takes the action back, from its arguments, the attested response to the read before it, and the provider's
    answer to the action itself.

    Raises InvalidInput where nothing does: what was sent stays sent.
    """
    operation = connector(action.connector).gated(action.operation)
    parsed = operation.parse(arguments)
    prior = action.prior.value if action.prior is not None else None
    if Reversibility.IRREVERSIBLE in (action.reversibility, operation.reversibility_of(parsed, prior)):
        raise InvalidInput(f"This cannot be taken back. {operation.no_way_back or BY_HAND}")
    try:
        return operation.taken_back(parsed, Done(action=action, before=prior_response, after=response))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # Whatever a provider had answered, it is no reason to fail otherwise.
        raise InvalidInput(f"What the action left cannot be understood. {BY_HAND}") from error


def follow_up(
    action: Action,
    arguments: Mapping[str, Any],
    prior_response: ProviderResponse | None,
    response: ProviderResponse | None = None,
) -> Compensation | None:
    """One more message to the people that one was sent to; None for what is no message, and where it cannot be made.

    It is a proposal too: it waits, and is edited or approved.
    """
    operation = connector(action.connector).gated(action.operation)
    try:
        done = Done(action=action, before=prior_response, after=response)
        return operation.follow_up(operation.parse(arguments), done)
    except (AttributeError, CocoError, LookupError, TypeError, ValueError):
        return None


def draft_of(action: Action, arguments: Mapping[str, Any]) -> MessageDraft:
    """A message that is proposed, for reading."""
    to = arguments.get("to")
    return MessageDraft(
        to=tuple(to) if isinstance(to, list | tuple) else (action.preview.record[:500],),
        subject=str(arguments.get("subject") or "A correction"),
        body=action.preview.body,
    )
