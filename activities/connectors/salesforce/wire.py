"""Paths, routes and records of the REST API."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_plus

from activities.connectors.base import Route
from activities.connectors.cards import plain
from activities.connectors.http import (
    as_object,
    kept_text,
    object_of,
    objects_in,
    readable_json,
    segment,
    whole_number,
    written,
)
from activities.connectors.salesforce import soql
from activities.connectors.salesforce.scopes import READ, WRITE
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

API = "/services/data/v60.0"
RECORDS = f"{API}/sobjects"
QUERY = f"{API}/query"
RECORD_URL = "https://login.salesforce.com"
"""Leads a signed-in person to the record in their own org."""

_NEXT = re.compile(r"[^?#\s]{0,500}/services/data/v[0-9]+\.[0-9]+/query/([A-Za-z0-9_-]{1,2000})")
"""Whatever stands before is not looked at (a proxy's path, or host and all): the next page is asked for at the
connection's own address."""
_NAMES = {"case": "CaseNumber", "task": "Subject", "event": "Subject"}
_NAMED = frozenset({"account", "campaign", "contact", "lead", "opportunity", "product2", "user"})


class QueryRoute(Route):
    """GET of a query, or of its next page. A query that does more than read is no read, wherever it comes from."""

    def matches(self, request: PreparedRequest) -> bool:
        if request.path != self.path:
            return request.method == "GET" and re.fullmatch(QUERY + "/[A-Za-z0-9_-]{1,100}", request.target) is not None
        if not super().matches(request):
            return False
        queries = request.target.partition("?")[2].split("&")
        return len(queries) == 1 and soql.why_not_a_read(unquote_plus(queries[0].removeprefix("q="))) is None


def read_route(path: str, operation: str, *query: str) -> Route:
    return Route(method="GET", path=path, access="read", operation=operation, scopes=(READ,), query=query)


def gated_route(method: Any, path: str, operation: str) -> Route:
    return Route(method=method, path=path, access="gated", operation=operation, scopes=(READ, WRITE), query=())


def record_path(object_name: str, record_id: str) -> str:
    return f"{RECORDS}/{segment(object_name)}/{segment(record_id)}"


def name_field(object_name: str) -> str | None:
    """The field that names a record of this kind in people's words, where there surely is one."""
    kind = object_name.lower()
    if kind in _NAMED or kind.endswith("__c"):
        return "Name"
    return _NAMES.get(kind)


def described(object_name: str, record_id: str, fields: dict[str, Any]) -> tuple[str, str]:
    """(name, name with kind and id) of a record: "Acme", "Acme (Account 001…)"."""
    fallback = f"{object_name} {record_id}"
    name = plain(fields.get(name_field(object_name) or ""))
    return (name, f"{name} ({fallback})") if name else (fallback, fallback)


def same_id(one: str, other: str) -> bool:
    """Ids have 15 characters, or 18 of which the last three only guard against changed case."""
    return one[:15] == other[:15]


def record_of(value: dict[str, Any]) -> dict[str, Any]:
    """`{id, type, fields}` of one record of an answer. `id` is None where a query did not ask for it."""
    attributes = value.get("attributes")
    kind = attributes.get("type") if isinstance(attributes, dict) else None
    found = value.get("Id")
    return {
        "id": found if isinstance(found, str) else None,
        "type": kind if isinstance(kind, str) else None,
        "fields": {name: _bare(item) for name, item in value.items() if name not in {"attributes", "Id"}},
    }


def _bare(value: Any) -> Any:
    """A field's value without the addresses that Salesforce puts into records inside records."""
    if isinstance(value, dict):
        return {name: _bare(item) for name, item in value.items() if name != "attributes"}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def page_of(response: ProviderResponse) -> dict[str, Any]:
    """`{results: [record], after, total}` of a query's answer. Raises InvalidInput."""
    value = object_of(response, "a query's result")
    records = [record_of(item) for item in objects_in(value, "records", "query result")]
    following = value.get("nextRecordsUrl")
    after = None
    if value.get("done") is not True:
        found = _NEXT.fullmatch(following) if isinstance(following, str) else None
        if found is None:
            raise InvalidInput("Salesforce says that the query has more records and not where they are")
        after = found.group(1)
    return {"results": records, "after": after, "total": whole_number(value.get("totalSize"))}


def existing_record(response: ProviderResponse, object_name: str, record_id: str) -> dict[str, Any] | None:
    """The record's fields, or None where there is none (any more).

    Raises InvalidInput for any other answer and for another record's: an edit may have changed the id since the read.
    """
    if response.status == 404:
        return None
    record = record_of(object_of(response, "a record"))
    kind, found = record["type"], record["id"]
    if kind is None or kind.lower() != object_name.lower() or found is None or not same_id(found, record_id):
        raise InvalidInput(
            f"the value read is of {kind} {found}, not of {object_name} {record_id}; read that one first"
        )
    return as_object(record["fields"], "a record")


def outcome_of(response: ProviderResponse, record_id: str | None = None) -> dict[str, Any]:
    """What the log keeps of a write: the record's id, and where a person sees it. Raises InvalidInput."""
    told = kept_text(written(response).get("id"), 18)
    found = record_id or (told if told and re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", told) else None)
    return {"id": found, "url": f"{RECORD_URL}/{found}"} if found else {}


def error_codes(response: ProviderResponse) -> frozenset[str]:
    """The codes of an error's answer, such as INVALID_SESSION_ID; none where it cannot be read."""
    value = readable_json(response)
    errors = value if isinstance(value, list) else []
    codes = [item.get("errorCode") for item in errors if isinstance(item, dict)]
    return frozenset(code for code in codes if isinstance(code, str))
