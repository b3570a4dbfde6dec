"""Requests and answers of Outreach's JSON:API (https://jsonapi.org/format/1.0/)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from activities.connectors.base import Route
from activities.connectors.http import as_object, http_request, object_of, objects_in, whole_number
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

MEDIA_TYPE = "application/vnd.api+json"
RECORD_URL = "https://web.outreach.io"
STATES = "/sequenceStates"
_PAGING = ("page[size]", "page[after]", "count")
_ENDED = frozenset({"finished", "failed", "bounced", "opted_out", "disabled"})


def quoted(name: str) -> str:
    """A parameter's name as it stands in a URL."""
    return name.replace("[", "%5B").replace("]", "%5D")


def list_route(path: str, operation: str, scope: str, *filters: str) -> Route:
    names = tuple(quoted(name) for name in (*_PAGING, *filters))
    return Route(method="GET", path=path, access="read", operation=operation, scopes=(scope,), query=names)


def item_route(path: str, operation: str, scope: str) -> Route:
    return Route(method="GET", path=path, access="read", operation=operation, scopes=(scope,), query=())


def request(
    method: Literal["GET", "POST"], path: str, query: Iterable[tuple[str, str]] = (), body: Any = None
) -> PreparedRequest:
    """With the media type that Outreach asks for on every request."""
    headers = (("accept", MEDIA_TYPE), ("content-type", MEDIA_TYPE))
    return http_request(method, path, query=query, body=body, headers=headers)


def page_query(limit: int, after: str, filters: Iterable[tuple[str, str | None]] = ()) -> list[tuple[str, str]]:
    query = [(name, value) for name, value in filters if value is not None]
    query += [("count", "true"), ("page[size]", str(limit))]
    return [*query, ("page[after]", after)] if after else query


def record_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, type, attributes, related}`: ids as text, and to-one relationships as `{name: id}`. Raises InvalidInput."""
    found, kind, attributes = value.get("id"), value.get("type"), value.get("attributes")
    number = whole_number(found)
    if number is None and not (isinstance(found, str) and found.isascii() and found.isdigit()):
        raise InvalidInput("Outreach answered a record without an id")
    if not isinstance(kind, str) or not isinstance(attributes, dict):
        raise InvalidInput("Outreach answered a record without type or attributes")
    related: dict[str, str] = {}
    relationships = value.get("relationships")
    for name, one in relationships.items() if isinstance(relationships, dict) else ():
        data = one.get("data") if isinstance(one, dict) else None
        other = data.get("id") if isinstance(data, dict) else None
        if isinstance(other, int | str) and not isinstance(other, bool):
            related[name] = str(other)[:40]
    return {"id": str(found), "type": kind, "attributes": attributes, "related": related}


def page_of(response: ProviderResponse) -> dict[str, Any]:
    """`{results: [record], after, total}` of a page. Raises InvalidInput."""
    value = object_of(response, "a page of records")
    results = [record_of(item) for item in objects_in(value, "data", "page")]
    links, meta = value.get("links"), value.get("meta")
    following = links.get("next") if isinstance(links, dict) else None
    total = meta.get("count") if isinstance(meta, dict) and meta.get("count_truncated") is not True else None
    return {"results": results, "after": _cursor(following), "total": whole_number(total)}


def _cursor(following: Any) -> str | None:
    """What `page[after]` is in the address of the next page. Raises InvalidInput."""
    if following is None:
        return None
    if not isinstance(following, str):
        raise InvalidInput("Outreach's next page is no address")
    try:
        # "+" stands for itself in a cursor; it is not a space.
        found = parse_qs(urlsplit(following).query.replace("+", "%2B")).get("page[after]", [])
    except ValueError as error:
        raise InvalidInput("Outreach's next page is no address") from error
    if len(found) != 1 or not found[0]:
        raise InvalidInput("Outreach says that there is a next page and not where")
    return found[0]


def record_in(response: ProviderResponse, kind: str, record_id: str) -> dict[str, Any] | None:
    """The record of that kind and id, or None where there is none. Raises InvalidInput for any other answer."""
    if response.status == 404:
        return None
    record = record_of(as_object(object_of(response, "a record").get("data"), "a record"))
    if (record["type"], record["id"]) != (kind, record_id):
        raise InvalidInput(
            f"the value read is of {record['type']} {record['id']}, not of {kind} {record_id}; read that one first"
        )
    return record


def runs(state: Any) -> bool:
    """Whether a sequence goes on for a prospect in this state."""
    return isinstance(state, str) and state not in _ENDED
