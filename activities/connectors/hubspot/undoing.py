"""What takes back a change of a HubSpot record: the values before, the record archived, or made anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.base import json_of
from activities.connectors.hubspot.arguments import READ_ONLY
from activities.connectors.hubspot.objects import ObjectType
from activities.connectors.hubspot.wire import record_of
from activities.connectors.taking_back import BY_HAND, Compensation, Done
from coco.canonical import canonical, parse_json
from coco.errors import InvalidInput
from coco.requests import ProviderResponse


def archived_again(kind: ObjectType, done: Done) -> Compensation:
    """The record that was made goes into HubSpot's bin, by the id that the answer to it names."""
    record = record_of(json_of(done.answered()))
    sent = parse_json(done.action.request.body_bytes())["properties"]
    left = dict.fromkeys(kind.read_along) | {name: text or None for name, text in sent.items()} | record["properties"]
    return Compensation(
        operation=f"{kind.plural}.archive",
        arguments={"id": record["id"]},
        response=_shown({"id": record["id"], "properties": left, "archived": False}),
        note=f"The {kind.singular} goes into HubSpot's bin for 90 days, with what was attached to it since.",
    )


def made_anew(kind: ObjectType, done: Done) -> Compensation:
    """An archived record's values as a new record."""
    kept = {name: value for name, value in sorted(done.prior.items()) if value and name not in READ_ONLY}
    return Compensation(
        operation=f"{kind.plural}.create",
        arguments={"properties": kept},
        response=None,
        note="It comes back as a new record with these values. Its history, lists and associations come back only "
        "by restoring the archived record in the CRM itself, where it is kept for 90 days.",
    )


def values_again(operation: str, record_id: str, changed: Mapping[str, str], done: Done) -> Compensation:
    """Every changed property goes back to what it was."""
    # The CRM keeps addresses in lower case, and empty text as unset.
    left = {name: (value.lower() if name == "email" else value) or None for name, value in changed.items()}
    prior = done.prior
    return Compensation(
        operation=operation,
        arguments={"id": record_id, "properties": {name: prior.get(name) or "" for name in sorted(changed)}},
        response=left_with(done, left),
    )


def left_with(done: Done, left: Mapping[str, str | None]) -> ProviderResponse:
    """The attested response with the values that the action wrote. Raises InvalidInput for one that is no record."""
    record = json_of(done.was())
    if not isinstance(record, dict) or not isinstance(record.get("properties"), dict):
        raise InvalidInput(f"Its record's values are not known. {BY_HAND}")
    return _shown({**record, "properties": {**record["properties"], **left}})


def _shown(record: dict[str, Any]) -> ProviderResponse:
    return ProviderResponse.of(200, [("content-type", "application/json")], canonical(record))
