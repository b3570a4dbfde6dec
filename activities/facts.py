"""Facts of an action as guardrails see them, derived on the control side from what the gateway attests. Pure.

Nothing the sandbox says is looked at: the operation and its arguments are those the action was built from, the record's
facts come from attested responses to exactly the requests that the connector's own functions name
(`activities.connectors.action_facts`). A mail's record is whoever has the address that it goes to (`recipients`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from typing import Any

from activities import recipients
from activities.attested import NOT_READ, About, Answers, Attested, Wanted
from activities.connectors.action_facts import Proposed
from activities.connectors.hubspot import facts as hubspot
from activities.connectors.hubspot.action_facts import subject
from activities.connectors.registry import connector
from coco.actions import Action, Reversibility
from coco.errors import CocoError
from coco.guardrails.catalogue import Catalogue
from coco.guardrails.records import Malformed, read_value

MAX_AGE = timedelta(minutes=15)
"""Older facts are read again before anything is decided on them. (The database holds verdicts to the same age.)"""
_RECORDS = frozenset({"contact", "deal", "company"})


def wanted_reads(
    action: Action, arguments: Mapping[str, Any], crm: str | None, needed: Collection[str], answers: Answers
) -> tuple[Wanted, ...]:
    """The reads that show the facts of what an action is about, as far as the answers so far tell which they are.

    `crm` is the connection in which the contact of an address is looked up; `needed` are the kinds of record and the
    names of the facts that the rules speak of. Empty where no rule needs what could be read.
    """
    proposed = _proposed(action, arguments)
    if proposed is None:
        return ()
    facts = connector(action.connector).facts
    own = tuple(Wanted(action.connection, request) for request in facts.wanted(proposed, needed))
    address = recipients.only_address(facts.people(proposed))
    return own if address is None or crm is None else (*own, *recipients.wanted(address, crm, needed, answers))


def record_facts(
    action: Action, arguments: Mapping[str, Any], crm: str | None, needed: Collection[str], answers: Answers
) -> About:
    """The facts of what an action is about, from the answers to `wanted_reads`, and from nothing else."""
    proposed = _proposed(action, arguments)
    if proposed is None:
        return About({}, "no record stands behind this action")
    facts = connector(action.connector).facts
    own = {wanted.request: answer for wanted, answer in answers.items() if wanted.connection == action.connection}
    try:
        found = facts.about(proposed, own)
    except CocoError as error:
        return About({}, f"the record's read cannot be used: {error}")
    people = facts.people(proposed)
    if people:
        behind = recipients.about(people, crm, needed, answers)
        return About(found | behind.facts, behind.missing)
    reads = facts.wanted(proposed, needed)
    if any(request not in own for request in reads):
        return About(found, NOT_READ)
    alone = not found and not reads and not _RECORDS.isdisjoint(needed)
    return About(found, "no record stands behind this action" if alone else "")


def action_facts(action: Action, arguments: Mapping[str, Any], base_url: str = "") -> tuple[dict[str, Any], ...]:
    """`action.*` facts, once for each name under which a rule may speak of the action. Empty: no rule can.

    `base_url` is the address of the action's connection, where the caller knows it.
    """
    proposed = _proposed(action, arguments, base_url)
    if proposed is None:
        return ()
    common: dict[str, Any] = {
        "action.connector": action.connector,
        "action.credits": action.credits,
        "action.reversible": action.reversibility is Reversibility.REVERSIBLE,
    }
    return tuple(common | named for named in connector(action.connector).facts.proposed(proposed))


def _proposed(action: Action, arguments: Mapping[str, Any], base_url: str = "") -> Proposed | None:
    """None for an action whose arguments are none (any more): nothing is known of it."""
    try:
        parsed = connector(action.connector).gated(action.operation).parse(arguments)
    except CocoError:
        return None
    prior = None if action.prior is None else action.prior.value
    return Proposed(action.operation, parsed.model_dump(), prior, base_url)


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
    proposed = _proposed(action, arguments)
    if proposed is None:
        return {}
    reads = sorted(reads, key=lambda one: one.at)
    facts = connector(action.connector).facts
    own = {read.request: read.response for read in reads if read.connection == action.connection}
    found: dict[str, Any] = {}
    if people := facts.people(proposed):
        found |= recipients.recorded(people, reads)
    if action.connector == "hubspot":
        found |= _recorded_in_hubspot(action, subject(action.operation, proposed.arguments), reads)
    try:
        return found | facts.about(proposed, own)
    except CocoError:
        return found


def _recorded_in_hubspot(action: Action, about: tuple[str, str] | None, reads: Iterable[Attested]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if about is None:
        return found
    kind, record_id = about
    plural = next(name for name, one in hubspot.KINDS.items() if one.singular == kind)
    known = connector("hubspot")
    for read in reads:
        if read.connection != action.connection or not 200 <= read.response.status < 300:
            continue
        try:
            route = known.classify(read.request)
        except CocoError:
            continue
        if route.access != "read" or not route.operation.startswith(f"{plural}."):
            continue
        for record in hubspot.records_in(read.response):
            if record["id"] == record_id:
                found |= hubspot.facts_of_record(kind, record)
    return found
