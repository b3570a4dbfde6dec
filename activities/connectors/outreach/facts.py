"""Facts of enrolments: the prospect, and the sequence by its name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from activities.connectors.action_facts import ActionFacts, Facts, Proposed, only_one
from activities.connectors.outreach.wire import page_of, page_query, record_in, request
from coco.requests import PreparedRequest, ProviderResponse

_NAMES = {"prospects.enrol": "contact.add_to_sequence", "sequence_states.finish": "contact.remove_from_sequence"}
_SEQUENCES = request("GET", "/sequences", page_query(1000, ""))
"""All of them, in one page: one that is not on it has no name."""
_TEXTS = {
    "firstName": "first_name",
    "lastName": "last_name",
    "title": "jobtitle",
    "company": "company",
    "addressCity": "city",
    "addressCountry": "country",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
}


class OutreachFacts(ActionFacts):
    """The arguments have ids; names and the prospect's own facts are read."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        return ({"action.operation": _NAMES[action.operation]},) if action.operation in _NAMES else ()

    def wanted(self, action: Proposed, needed: Collection[str]) -> tuple[PreparedRequest, ...]:
        prospect, sequence = _both(action)
        found = [_prospect(prospect)] if prospect is not None and "contact" in needed else []
        return (*found, *([_SEQUENCES] if sequence is not None and "action.sequence" in needed else []))

    def about(self, action: Proposed, answers: Mapping[PreparedRequest, ProviderResponse]) -> Facts:
        found: Facts = {}
        prospect, sequence = _both(action)
        if prospect is not None and (answer := answers.get(_prospect(prospect))) is not None:
            record = record_in(answer, "prospect", prospect)
            found |= {} if record is None else {"contact.id": prospect} | _of_prospect(record["attributes"])
        if sequence is not None and (answer := answers.get(_SEQUENCES)) is not None:
            names = {one["id"]: one["attributes"].get("name") for one in page_of(answer)["results"]}
            if isinstance(names.get(sequence), str):
                found["action.sequence"] = names[sequence]
        return found


def _both(action: Proposed) -> tuple[str | None, str | None]:
    """(prospect, sequence) by their ids. A sequence state's are in the value before, and never change."""
    if action.operation == "prospects.enrol":
        return action.arguments["id"], action.arguments["sequence_id"]
    prior = action.prior or {}
    prospect, sequence = (_record_id(prior.get(name)) for name in ("prospect_id", "sequence_id"))
    return prospect, sequence


def _record_id(value: Any) -> str | None:
    return value if isinstance(value, str) and re.fullmatch("[1-9][0-9]{0,14}", value) else None


def _prospect(prospect_id: str) -> PreparedRequest:
    return request("GET", f"/prospects/{prospect_id}")


def _of_prospect(attributes: Mapping[str, Any]) -> Facts:
    found: Facts = {
        f"contact.{fact}": attributes[name]
        for name, fact in _TEXTS.items()
        if name in attributes and (attributes[name] is None or isinstance(attributes[name], str))
    }
    emails, tags = attributes.get("emails"), attributes.get("tags")
    if isinstance(emails, list) and len(emails) <= 1:
        # Of several addresses nothing says which one the sequence writes to.
        found["contact.email"] = only_one(emails)
    if isinstance(tags, list):
        found["contact.tags"] = tags
    if isinstance(attributes.get("optedOut"), bool):
        found["contact.unsubscribed"] = attributes["optedOut"]
    score = attributes.get("score")
    if isinstance(score, int | float) and not isinstance(score, bool):
        found["contact.score"] = score
    return found
