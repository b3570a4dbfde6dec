"""What takes back an action that took place: the operation that sets the prior values again. Pure.

It is a proposal like any other: it goes through the gate, with the values that the action left as its prior. The
gateway compares them right before, so a record that somebody changed since comes back with three values instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.base import json_of
from activities.connectors.hubspot.arguments import READ_ONLY
from coco.actions import Action, Reversibility
from coco.canonical import canonical
from coco.errors import InvalidInput
from coco.requests import Frozen, ProviderResponse


class Compensation(Frozen):
    """An operation and its arguments, and the record as the action left it."""

    operation: str
    arguments: dict[str, Any]
    response: ProviderResponse | None
    """What the read before it would show now; None for an operation that nothing precedes."""
    note: str = ""
    """What it does not bring back, in the owner's words."""


def compensation(action: Action, arguments: Mapping[str, Any], prior_response: ProviderResponse | None) -> Compensation:
    """What takes the action back, from its arguments and the attested response to the read before it.

    Raises InvalidInput where nothing does: what was sent stays sent.
    """
    if action.reversibility is Reversibility.IRREVERSIBLE:
        raise InvalidInput("This cannot be taken back: what was sent stays sent. Reject it instead, with the reason.")
    prior = action.prior.value if action.prior is not None else None
    if action.connector != "hubspot" or prior is None or prior_response is None:
        raise InvalidInput("There is no action that takes this back. Reject it instead, and put it right by hand.")
    kind, _, verb = action.operation.partition(".")
    if verb == "update":
        return _values_again(action.operation, str(arguments["id"]), arguments["properties"], prior, prior_response)
    if action.operation == "deals.move_stage" and prior.get("dealstage"):
        left = {"dealstage": str(arguments["stage"])}
        return Compensation(
            operation=action.operation,
            arguments={"id": arguments["id"], "stage": prior["dealstage"]},
            response=_after(prior_response, left),
            note="What the CRM changed along with the stage, such as a close date, stays.",
        )
    if verb == "archive" and kind in {"contacts", "deals"}:
        kept = {name: value for name, value in sorted(prior.items()) if value and name not in READ_ONLY}
        return Compensation(
            operation=f"{kind}.create",
            arguments={"properties": kept},
            response=None,
            note="It comes back as a new record with these values. Its history, lists and associations come back only "
            "by restoring the archived record in the CRM itself, where it is kept for 90 days.",
        )
    raise InvalidInput("There is no action that takes this back. Reject it instead, and put it right by hand.")


def _values_again(
    operation: str, record_id: str, changed: Mapping[str, str], prior: Mapping[str, Any], response: ProviderResponse
) -> Compensation:
    # The CRM keeps addresses in lower case, and empty text as unset.
    left = {name: (value.lower() if name == "email" else value) or None for name, value in changed.items()}
    return Compensation(
        operation=operation,
        arguments={"id": record_id, "properties": {name: prior.get(name) or "" for name in sorted(changed)}},
        response=_after(response, left),
    )


def _after(response: ProviderResponse, left: Mapping[str, str | None]) -> ProviderResponse:
    """The attested response with the values that the action wrote. Raises InvalidInput for one that is no record."""
    record = json_of(response)
    if not isinstance(record, dict) or not isinstance(record.get("properties"), dict):
        raise InvalidInput("There is no action that takes this back: its record's values are not known.")
    body = {**record, "properties": {**record["properties"], **left}}
    return ProviderResponse.of(200, [("content-type", "application/json")], canonical(body))
