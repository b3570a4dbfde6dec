"""SOQL: built of parts with every value escaped, or given whole and looked at for what is not just reading.

https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm:
FOR VIEW and FOR REFERENCE change when a record was last viewed, FOR UPDATE locks, UPDATE TRACKING and VIEWSTAT count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
    "\f": "\\f",
}
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
_NOT_JUST_READING = re.compile(r"\bFOR\s+(VIEW|REFERENCE|UPDATE)\b|\bUPDATE\s+(TRACKING|VIEWSTAT)\b", re.IGNORECASE)


def literal(value: str | int | float | bool | None) -> str:
    """A value as SOQL spells it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + "".join(_ESCAPES.get(c, c) for c in value) + "'"


def select(
    fields: Iterable[str],
    source: str,
    conditions: Iterable[Mapping[str, Any]] = (),
    order_by: str | None = None,
    descending: bool = False,
    limit: int | None = None,
) -> str:
    """A query. Names are API names, checked by the caller; values are escaped here.

    A condition has `field`, `operator` and one of `value`, `values` (for IN and NOT IN) and `moment` (a date or a date
    with time, which SOQL takes without quotes).
    """
    parts = [f"SELECT {', '.join(fields)} FROM {source}"]  # noqa: S608  (checked names, and no values)
    tests = [_condition(one) for one in conditions]
    if tests:
        parts.append("WHERE " + " AND ".join(tests))
    if order_by:
        parts.append(f"ORDER BY {order_by} {'DESC' if descending else 'ASC'} NULLS LAST")
    if limit is not None:
        parts.append(f"LIMIT {limit}")
    return " ".join(parts)


def _condition(one: Mapping[str, Any]) -> str:
    if one.get("values") is not None:
        right = "(" + ", ".join(literal(value) for value in one["values"]) + ")"
    elif one.get("moment") is not None:
        right = str(one["moment"])
    else:
        right = literal(one.get("value"))
    return f"{one['field']} {one['operator']} {right}"


def why_not_a_read(soql: str) -> str | None:
    """What speaks against letting a query through as a read, or None where nothing does."""
    rest = _LITERAL.sub("''", soql)
    if "'" in rest.replace("''", ""):
        return "a text in the query does not end"
    if not all(c in "\n\r\t" or " " <= c <= "~" for c in rest):
        return "outside of texts a query is plain ASCII"
    if not re.match(r"\s*SELECT\s", rest, re.IGNORECASE):
        return "a query begins with SELECT"
    if _NOT_JUST_READING.search(rest):
        return "FOR VIEW, FOR REFERENCE, FOR UPDATE and UPDATE do more than read"
    return None
