"""Routes, pages and found records of ZoomInfo's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.base import Route
from activities.connectors.http import kept_text, object_of, objects_in, whole_number, written
from activities.connectors.zoominfo.scopes import ENRICH, READ
from coco.errors import InvalidInput
from coco.requests import ProviderResponse

_MOST_KEPT = 30
"""Fields of one looked-up record that the log keeps."""


def read_route(path: str, operation: str) -> Route:
    return Route(method="POST", path=path, access="read", operation=operation, scopes=(READ,), query=())


def gated_route(path: str, operation: str) -> Route:
    return Route(method="POST", path=path, access="gated", operation=operation, scopes=(READ, ENRICH), query=())


def given(**values: Any) -> dict[str, Any]:
    """The criteria that were given: ZoomInfo takes an empty one for a criterion."""
    return {name: value for name, value in values.items() if value is not None}


def record_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """The record with its id as text. Raises InvalidInput where it has none."""
    number = whole_number(value.get("id"))
    if number is None:
        raise InvalidInput("ZoomInfo answered a record without an id")
    return {**value, "id": str(number)}


def page_of(response: ProviderResponse, page: int, limit: int) -> dict[str, Any]:
    """`{results: [record], after, total}` of a search. Raises InvalidInput."""
    value = object_of(response, "a page of records")
    results = [record_of(item) for item in objects_in(value, "data", "page")]
    total = whole_number(value.get("totalResults"))
    more = bool(results) and total is not None and page * limit < total
    return {"results": results, "after": str(page + 1) if more else None, "total": total}


def found_in(response: ProviderResponse) -> list[dict[str, Any]]:
    """What a look-up found, one entry per record asked for, in order; empty for what ZoomInfo did not know."""
    data = written(response).get("data")
    entries = data.get("result") if isinstance(data, dict) else None
    return [_first(entry) for entry in entries[:25]] if isinstance(entries, list) else []


def _first(entry: Any) -> dict[str, Any]:
    records = entry.get("data") if isinstance(entry, dict) else None
    record = records[0] if isinstance(records, list) and records else None
    if not isinstance(record, dict):
        return {}
    kept: dict[str, Any] = {}
    for name, value in list(record.items())[:_MOST_KEPT]:
        told = str(value) if whole_number(value) is not None else kept_text(value)
        if told is not None and (spelled := kept_text(name, 60)):
            kept[spelled] = told
    company = record.get("company")
    if isinstance(company, dict) and (called := kept_text(company.get("name"))):
        kept.setdefault("companyName", called)
    return kept


def looked_up(response: ProviderResponse) -> bool | None:
    """False where ZoomInfo says with status 200 that it did not do it."""
    try:
        return written(response).get("success") is not False
    except InvalidInput:
        return None
