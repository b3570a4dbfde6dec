"""Paths and answers of the CRM v3 API: checked records in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from activities.connectors.base import json_of
from activities.connectors.http import segment, text_or_none, whole_number, written
from coco.errors import InvalidInput
from coco.requests import ProviderResponse


def item(collection: str, record_id: str) -> str:
    """Path of one record. Ids are digits by their type; encoded all the same."""
    return f"{collection}/{segment(record_id)}"


def joined(names: Iterable[str]) -> str:
    """Property names as the API takes them: sorted, each once, comma-separated."""
    return ",".join(sorted(set(names)))


def record_of(value: Any) -> dict[str, Any]:
    """`{id, properties, associations, archived, updatedAt, url}` of one record. Raises InvalidInput."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise InvalidInput("HubSpot answered something that is not a record: it has no id")
    properties = value.get("properties")
    if not isinstance(properties, dict) or not all(v is None or isinstance(v, str) for v in properties.values()):
        raise InvalidInput(f"HubSpot's record {value['id']} has no readable properties")
    return {
        "id": value["id"],
        # An unset property comes as null or as empty text; one spelling, so that neither counts as a change.
        "properties": {name: text or None for name, text in properties.items()},
        "associations": _associations(value.get("associations")),
        "archived": value.get("archived") is True,
        "updatedAt": value.get("updatedAt"),
        "url": value.get("url"),
    }


def _associations(value: Any) -> dict[str, list[str]]:
    """Ids by kind, each once and in order. Kinds may be spelled `companies` or by a label; both are kept."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput("HubSpot answered associations that are not an object")
    found: dict[str, list[str]] = {}
    for kind, collection in value.items():
        entries = collection.get("results") if isinstance(collection, dict) else None
        if not isinstance(entries, list) or not all(
            isinstance(entry, dict) and isinstance(entry.get("id"), str) for entry in entries
        ):
            raise InvalidInput(f"HubSpot's associations to {kind} cannot be read")
        found[kind] = list(dict.fromkeys(entry["id"] for entry in entries))
    return found


def page_of(response: ProviderResponse) -> dict[str, Any]:
    """`{results: [record], after: str | None, total: int | None}` of a page. Raises InvalidInput."""
    value = json_of(response)
    if not isinstance(value, dict) or not isinstance(value.get("results"), list):
        raise InvalidInput("HubSpot answered something that is not a page of records")
    total = value.get("total")
    return {
        "results": [record_of(entry) for entry in value["results"]],
        "after": next_after(value),
        "total": total if isinstance(total, int) else None,
    }


def next_after(value: Mapping[str, Any]) -> str | None:
    """Where the next page begins; None after the last."""
    paging = value.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    number = whole_number(after)
    return text_or_none(after) if number is None else str(number)


def existing_record(response: ProviderResponse, record_id: str) -> dict[str, Any] | None:
    """The record of that id, or None where there is none (404, or archived).

    Raises InvalidInput for any other answer and for another record's: an edit may have changed the id since the read.
    """
    if response.status == 404:
        return None
    record = record_of(json_of(response))
    if record["id"] != record_id:
        raise InvalidInput(f"the value read is of record {record['id']}, not of {record_id}; read that one first")
    return None if record["archived"] else record


def outcome_of(response: ProviderResponse, fallback_id: str | None = None) -> dict[str, Any]:
    """What the log keeps of a write: id, updatedAt, url, where the answer names them.

    Raises InvalidInput for a status outside 2xx.
    """
    value = written(response)
    kept: dict[str, Any] = {} if fallback_id is None else {"id": fallback_id}
    for name in ("id", "updatedAt", "url"):
        text = value.get(name)
        if isinstance(text, str) and (name != "url" or text.startswith(("https://", "http://"))):
            kept[name] = text[:500]
    return kept
