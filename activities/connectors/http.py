"""HTTP requests and JSON answers of every HTTP connector: canonical bytes out, checked values in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from activities.connectors.base import json_of
from coco.canonical import canonical, parse_json
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

JSON = "application/json"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


def http_request(
    method: Method,
    path: str,
    *,
    query: Iterable[tuple[str, str]] = (),
    body: Any = None,
    headers: Iterable[tuple[str, str]] | None = None,
) -> PreparedRequest:
    """The exact request; the body is canonical JSON, so equal values are equal bytes.

    `headers` are those of the request where they are not just the JSON content type of a body. Raises InvalidInput.
    """
    encoded = urlencode(list(query), quote_via=quote, safe=",")
    if headers is None:
        headers = (("content-type", JSON),) if body is not None else ()
    try:
        return PreparedRequest(
            protocol="http",
            method=method,
            target=f"{path}?{encoded}" if encoded else path,
            headers=tuple(headers),
            body="" if body is None else canonical(body).decode("utf-8"),
        )
    except ValidationError as error:
        raise InvalidInput(f"no request can be made of this: {error.errors()[0]['msg']}") from error


def segment(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="")


def object_of(response: ProviderResponse, what: str) -> dict[str, Any]:
    """The JSON object of a 2xx answer. Raises InvalidInput that says what it is not."""
    return as_object(json_of(response), what)


def as_object(value: Any, what: str) -> dict[str, Any]:
    """Raises InvalidInput where `value` is no object."""
    if not isinstance(value, dict):
        raise InvalidInput(f"the provider answered something that is not {what}")
    return value


def objects_in(value: Mapping[str, Any], name: str, what: str) -> list[dict[str, Any]]:
    """The list of objects called `name` inside an answer. Raises InvalidInput."""
    found = value.get(name)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InvalidInput(f"the provider's {what} has no readable {name}")
    return found


def text_in(value: Mapping[str, Any], name: str, what: str) -> str:
    """The non-empty text called `name`. Raises InvalidInput."""
    found = value.get(name)
    if not isinstance(found, str) or not found:
        raise InvalidInput(f"the provider's {what} has no {name}")
    return found


def text_or_none(value: Any) -> str | None:
    """A text that an answer tells, or None where it tells none or an empty one."""
    return value if isinstance(value, str) and value else None


def whole_number(value: Any) -> int | None:
    """A count that an answer tells, or None where it tells none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def readable_json(response: ProviderResponse) -> Any:
    """The JSON value of an answer of any status; None where it cannot be read. Never raises."""
    try:
        return parse_json(response.body_bytes())
    except (InvalidInput, ValueError):
        return None


def written(response: ProviderResponse) -> dict[str, Any]:
    """The object of a successful write's answer; empty where the answer cannot be read.

    The write has happened, so that is no reason to fail; a status outside 2xx is. Raises InvalidInput.
    """
    if not 200 <= response.status < 300:
        raise InvalidInput(f"the provider answered {response.status}")
    value = readable_json(response)
    return value if isinstance(value, dict) else {}


def kept_text(value: Any, longest: int = 500) -> str | None:
    """A text of an answer as the log keeps it: bounded, and nothing that Postgres cannot hold."""
    if not isinstance(value, str) or not value:
        return None
    return "".join(c for c in value if c != "\0" and not "\ud800" <= c <= "\udfff")[:longest] or None
