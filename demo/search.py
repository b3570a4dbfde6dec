"""Search as HubSpot does it: filter groups, a free query, one sort, paging by offset."""

from __future__ import annotations

import json
import re
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from demo import clock
from demo.catalogue import Kind, Property
from demo.errors import invalid
from demo.storage import Record

MAX_RESULTS = 10_000
_TOKEN = re.compile(r"[^\W_]+")
_OPERATORS = {
    "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN",
    "HAS_PROPERTY", "NOT_HAS_PROPERTY", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
}  # fmt: skip

Comparable = float | datetime | str


def search(kind: Kind, records: list[Record], body: dict[str, Any]) -> tuple[list[Record], int, int | None]:
    """(this page, total, offset of the next page or None). Raises Refusal for a request HubSpot would not take."""
    groups = body.get("filterGroups", [])
    if not isinstance(groups, list) or len(groups) > 5:
        raise invalid("filterGroups must be a list of at most 5 groups")
    checked = [[_checked(kind, condition) for condition in _filters(group)] for group in groups]
    if sum(len(group) for group in checked) > 18:
        raise invalid("at most 18 filters in one search")
    query = body.get("query")
    limit, offset = _integer(body.get("limit", 10), "limit"), _integer(body.get("after") or 0, "after")
    if not 1 <= limit <= 200:
        raise invalid("limit must be between 1 and 200")
    if offset < 0 or offset + limit > MAX_RESULTS:
        raise invalid(f"a search pages through {MAX_RESULTS} results at most")

    found = [
        record
        for record in records
        if (not checked or any(all(_holds(record, condition) for condition in group) for group in checked))
        and (not query or _mentions(record, str(query)))
    ]
    found = _sorted(kind, found, body.get("sorts", []))
    following = offset + limit
    return found[offset:following], len(found), following if following < len(found) else None


def _filters(group: Any) -> list[Any]:
    filters = group.get("filters") if isinstance(group, dict) else None
    if not isinstance(filters, list) or len(filters) > 6:
        raise invalid("each group has a list of at most 6 filters")
    return filters


def _integer(value: Any, name: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"{name} must be a number") from None


def _checked(kind: Kind, condition: Any) -> dict[str, Any]:
    if not isinstance(condition, dict):
        raise invalid("a filter is an object")
    operator, name = condition.get("operator"), condition.get("propertyName")
    if operator not in _OPERATORS:
        raise invalid(f"unknown operator {operator!r}")
    if name not in kind.properties:
        raise invalid(f"There was a problem with the request: property {name!r} does not exist")
    needs = {"BETWEEN": ("value", "highValue"), "IN": ("values",), "NOT_IN": ("values",)}
    needed = needs.get(operator, () if operator.endswith("HAS_PROPERTY") else ("value",))
    if any(condition.get(part) is None for part in needed):
        raise invalid(f"{operator} needs {' and '.join(needed)}")
    if "values" in needed and not isinstance(condition["values"], list):
        raise invalid(f"{operator} needs a list of values")
    return {**condition, "property": kind.properties[name]}


def _comparable(definition: Property, text: str) -> Comparable | None:
    if definition.type == "number":
        try:
            return float(text)
        except ValueError:
            return None
    if definition.type == "datetime":
        return clock.parse(text)
    return text.lower()


def _holds(record: Record, condition: dict[str, Any]) -> bool:
    definition: Property = condition["property"]
    operator: str = condition["operator"]
    stored = record.value(definition.name)
    if operator == "HAS_PROPERTY":
        return stored is not None
    if operator == "NOT_HAS_PROPERTY":
        return stored is None
    if operator.startswith("NOT_") or operator == "NEQ":
        positive = {"NEQ": "EQ", "NOT_IN": "IN", "NOT_CONTAINS_TOKEN": "CONTAINS_TOKEN"}[operator]
        # As HubSpot: a record without the property is not found by a negative operator.
        return stored is not None and not _holds(record, {**condition, "operator": positive})
    if stored is None:
        return False
    if operator == "IN":
        held = {part.lower() for part in (stored.split(";") if definition.multiple else [stored])}
        return bool(held & {str(value).lower() for value in condition["values"]})
    if operator == "CONTAINS_TOKEN":
        return _contains(stored, str(condition["value"]))
    return _compares(definition, operator, stored, condition)


def _compares(definition: Property, operator: str, stored: str, condition: dict[str, Any]) -> bool:
    mine, other = _comparable(definition, stored), _comparable(definition, str(condition["value"]))
    if mine is None or other is None:
        return False
    order = _order(mine, other)
    if operator == "BETWEEN":
        high = _comparable(definition, str(condition["highValue"]))
        return high is not None and order >= 0 and _order(mine, high) <= 0
    return {"EQ": order == 0, "LT": order < 0, "LTE": order <= 0, "GT": order > 0, "GTE": order >= 0}[operator]


def _order(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


def _contains(stored: str, wanted: str) -> bool:
    """Whole words in order, or a pattern where `*` stands for anything."""
    stored, wanted = stored.lower(), wanted.lower()
    if "*" in wanted:
        pattern = wanted.replace("[", "[[]").replace("?", "[?]")
        return fnmatchcase(stored, pattern) or any(fnmatchcase(word, pattern) for word in stored.split())
    words, sought = _TOKEN.findall(stored), _TOKEN.findall(wanted)
    return bool(sought) and any(words[i : i + len(sought)] == sought for i in range(len(words)))


def _mentions(record: Record, query: str) -> bool:
    text = " ".join(record.value(name) or "" for name in record.kind.searchable).lower()
    return all(word in text for word in query.lower().split())


def _sorted(kind: Kind, records: list[Record], sorts: Any) -> list[Record]:
    """By one criterion: a property's name, an object, or the object's JSON text; ties by id."""
    if not isinstance(sorts, list) or len(sorts) > 1:
        raise invalid("sorts must be a list of at most one criterion")
    if not sorts:
        return records
    criterion = sorts[0]
    if isinstance(criterion, str) and criterion.startswith("{"):
        try:
            criterion = json.loads(criterion)
        except json.JSONDecodeError:
            raise invalid("sorts holds something that is not JSON") from None
    if isinstance(criterion, str):
        criterion = {"propertyName": criterion}
    definition = kind.properties.get(criterion.get("propertyName", "")) if isinstance(criterion, dict) else None
    if definition is None:
        raise invalid("sorts names a property that does not exist")
    keyed = [(_comparable(definition, record.value(definition.name) or ""), record) for record in records]
    with_value = [(key, record) for key, record in keyed if key is not None and record.value(definition.name)]
    without = [record for key, record in keyed if key is None or not record.value(definition.name)]
    with_value.sort(key=lambda pair: pair[0], reverse=criterion.get("direction") == "DESCENDING")
    return [record for _, record in with_value] + without
