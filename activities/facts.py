"""Facts of an action as guardrails see them, derived on the control side from what the gateway attests. Pure.

Nothing the sandbox says is looked at: the operation and its arguments are those the action was built from, the record's
facts come from the attested response to exactly the request that the connector's function names for that record. A
mail's record is whoever has the address that it goes to (`recipients`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from activities import recipients
from activities.attested import NOT_READ, About, Answers, Attested, Wanted
from activities.connectors.hubspot import facts as hubspot
from activities.connectors.registry import connector
from activities.connectors.smtp.arguments import SendArguments
from coco.actions import Action, Reversibility
from coco.errors import CocoError
from coco.guardrails.catalogue import Catalogue
from coco.guardrails.records import Malformed, read_value

MAX_AGE = timedelta(minutes=15)
"""Older facts are read again before anything is decided on them. (The database holds verdicts to the same age.)"""


def wanted_reads(
    action: Action, arguments: Mapping[str, Any], crm: str | None, kinds: Collection[str], answers: Answers
) -> tuple[Wanted, ...]:
    """The reads that show the facts of what an action is about, as far as the answers so far tell which they are.

    `crm` is the connection in which a mail's recipient is looked up; `kinds` are the kinds of record that the rules
    speak of. Empty where no rule about a record fits the action.
    """
    if action.connector == "hubspot":
        found = hubspot.subject(action.operation, arguments)
        return () if found is None else (Wanted(action.connection, hubspot.facts_request(*found)),)
    address = recipients.only_address(action, arguments)
    return () if address is None or crm is None else recipients.wanted(address, crm, kinds, answers)


def record_facts(
    action: Action, arguments: Mapping[str, Any], crm: str | None, kinds: Collection[str], answers: Answers
) -> About:
    """The facts of what an action is about, from the answers to `wanted_reads`, and from nothing else."""
    if action.connector == "hubspot" and (found := hubspot.subject(action.operation, arguments)) is not None:
        answer = answers.get(Wanted(action.connection, hubspot.facts_request(*found)))
        if answer is None:
            return About({}, NOT_READ)
        try:
            return About(hubspot.facts(*found, answer))
        except CocoError as error:
            return About({}, f"the record's read cannot be used: {error}")
    if action.operation == "email.send":
        return recipients.about(action, arguments, crm, kinds, answers)
    return About({}, "no record stands behind this action")


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
    if action.operation == "email.send":
        return recipients.recorded(action, arguments, reads)
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
        for record in hubspot.records_in(read.response):
            if record["id"] == record_id:
                found |= hubspot.facts_of_record(kind, record)
    return found
