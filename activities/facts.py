"""Facts of an action as guardrails see them, derived on the control side from what the gateway attests. Pure.

Nothing the sandbox says is looked at: the operation and its arguments are those the action was built from, the record's
facts come from the attested response to exactly the request that the connector's function names for that record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from activities.connectors.hubspot import facts as hubspot
from activities.connectors.registry import connector
from activities.connectors.smtp.arguments import SendArguments
from coco.actions import Action, Reversibility
from coco.errors import CocoError
from coco.guardrails.catalogue import Catalogue
from coco.guardrails.records import Malformed, read_value
from coco.requests import PreparedRequest, ProviderResponse

MAX_AGE = timedelta(minutes=15)
"""Older facts are read again before anything is decided on them. (The database holds verdicts to the same age.)"""


@dataclass(frozen=True)
class Attested:
    """One read that the gateway carried for the action's run, on the connection named."""

    connection: str
    request: PreparedRequest
    response: ProviderResponse
    at: datetime


def wanted_read(action: Action, arguments: Mapping[str, Any]) -> PreparedRequest | None:
    """The read that shows the facts of the record an action changes; None where no rule about a record fits it."""
    if action.connector != "hubspot":
        return None
    found = hubspot.subject(action.operation, arguments)
    return None if found is None else hubspot.facts_request(*found)


def record_facts(
    action: Action, arguments: Mapping[str, Any], response: ProviderResponse | None
) -> tuple[dict[str, Any], str]:
    """(the record's facts from the response to `wanted_read`, why there are none)."""
    if action.connector != "hubspot" or (found := hubspot.subject(action.operation, arguments)) is None:
        return {}, "no record stands behind this action"
    if response is None:
        return {}, "the record was not read, or too long ago"
    try:
        return hubspot.facts(*found, response), ""
    except CocoError as error:
        return {}, f"the record's read cannot be used: {error}"


def action_facts(action: Action, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """`action.*` facts, once for each name under which a rule may speak of the action. Empty: no rule can."""
    common: dict[str, Any] = {
        "action.connector": action.connector,
        "action.credits": action.credits,
        "action.reversible": action.reversibility is Reversibility.REVERSIBLE,
    }
    if action.connector == "hubspot":
        prior = action.prior.value if action.prior is not None else None
        return tuple(common | named for named in hubspot.proposed(action.operation, arguments, prior))
    if action.connector == "smtp" and action.operation == "email.send":
        message = SendArguments.model_validate(dict(arguments))
        return (common | {"action.operation": "email.send", "action.recipients": [*message.to, *message.cc]},)
    return ()


def readable(facts: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    """The facts that are of their type. A malformed one is left out: unknown, so nothing that needs it is covered."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        declared = catalogue.facts.get(name)
        if declared is None:
            continue
        try:
            read_value(value, declared)
        except Malformed:
            continue
        found[name] = value
    return found


def recorded_facts(action: Action, arguments: Mapping[str, Any], reads: Iterable[Attested]) -> dict[str, Any]:
    """What the run had read of the action's record, from every kind of read, later ones first in force.

    For looking back only (a backtest): at a grant, `record_facts` takes the one exact read.
    """
    found: dict[str, Any] = {}
    if action.connector != "hubspot" or (subject := hubspot.subject(action.operation, arguments)) is None:
        return found
    kind, record_id = subject
    known = connector("hubspot")
    for read in sorted(reads, key=lambda one: one.at):
        if read.connection != action.connection or not 200 <= read.response.status < 300:
            continue
        try:
            route = known.classify(read.request)
        except CocoError:
            continue
        if route.access != "read" or not route.operation.startswith(action.operation.partition(".")[0] + "."):
            continue
        for record in _records(read.response):
            if record["id"] == record_id:
                found |= hubspot.facts_of_record(kind, record)
    return found


def _records(response: ProviderResponse) -> list[dict[str, Any]]:
    from activities.connectors.base import json_of
    from activities.connectors.hubspot.wire import page_of, record_of

    try:
        value = json_of(response)
        return page_of(response)["results"] if isinstance(value, dict) and "results" in value else [record_of(value)]
    except CocoError:
        return []
