"""What the conformance suite walks and how it spoils things: arguments, answers, forms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from starlette.datastructures import FormData

from activities.connectors.base import ConnectionInfo, Connector, Operation
from activities.connectors.registry import CONNECTORS
from api.public.pages.schema_forms import fields_of
from coco.canonical import parse_json
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse
from tests.connectors.examples import Example, examples_of

HOSTILE = (
    "../52",
    "51/../../admin",
    "..",
    ".",
    "%2e%2e",
    "51%2f52",
    "51/merge",
    "/51",
    "51?archived=true",
    "51&token=stolen",
    "51;method=DELETE",
    "51#fragment",
    "51\\52",
    "@evil.example/51",
    "//evil.example/51",
    "51\r\nX-Injected: 1",
    "51\n\nX-Injected: 1",
    "51\x00",
    "51\x7f",
    "51\t",
    "51 ",
    "٥١",
    "５１",
    "51\u202e",
    "51\u2028X-Injected: 1",
    "51\u2044\uff0e\uff0e\uff0f52",
    "\ud800",
    "",
    " ",
    "a" * 5000,
    "{id}",
    "$(id)",
)
"""Texts that some reader of a request would take for more than a value."""


@dataclass(frozen=True)
class Case:
    """One operation with its examples."""

    connector: Connector
    operation: Operation[Any]

    @property
    def connection(self) -> ConnectionInfo:
        return examples_of(self.connector.name).connection

    @property
    def examples(self) -> tuple[Example, ...]:
        return examples_of(self.connector.name).operations.get(self.operation.name, ())

    def request(self, arguments: dict[str, Any]) -> PreparedRequest:
        return self.operation.request(self.connection, self.operation.parse(arguments))


def cases() -> Iterator[Case]:
    """Every operation of every connector."""
    for name in sorted(CONNECTORS):
        for operation in CONNECTORS[name].operations.values():
            yield Case(CONNECTORS[name], operation)


def case_id(case: Case) -> str:
    return f"{case.connector.name}-{case.operation.name}"


Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar inside a JSON value, with where it is."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy of `value` with something else at `path`."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def spoilt_requests(case: Case, example: Example) -> Iterator[tuple[str, PreparedRequest]]:
    """The requests that hostile texts in place of any argument make, where the operation takes them at all."""
    for path, value in leaves(example.arguments):
        if not isinstance(value, str):
            continue
        for text in HOSTILE:
            try:
                yield text, case.request(replaced(example.arguments, path, text))
            except InvalidInput:
                continue


def query_names(request: PreparedRequest) -> set[str]:
    query = request.target.partition("?")[2]
    return {pair.partition("=")[0] for pair in query.split("&") if pair}


# -- answers that a provider should not give -------------------------------------------------------------------------

_JUNK = st.sampled_from([None, True, -1, 1e300, 10**30, "", "x", "\x00", "\ud800", [], [[]], {}, {"id": {}}, [None]])


@st.composite
def _spoilt_json(draw: st.DrawFn, value: Any) -> bytes:
    """The value with up to three of its parts replaced or left out."""
    for _ in range(draw(st.integers(1, 3))):
        places = [path for path in _places(value) if path]
        if not places:
            break
        path = draw(st.sampled_from(places))
        parent = value
        for part in path[:-1]:
            parent = parent[part]
        if isinstance(parent, dict) and draw(st.booleans()):
            value = replaced(value, path[:-1], {key: item for key, item in parent.items() if key != path[-1]})
        else:
            value = replaced(value, path, draw(_JUNK))
    return json.dumps(value).encode()


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _places(item, (*path, key))


def malformed(response: ProviderResponse) -> st.SearchStrategy[ProviderResponse]:
    """Answers like this one that are not what the provider promises."""
    raw = response.body_bytes()
    cut = st.integers(0, max(len(raw) - 1, 0)).map(lambda length: raw[:length])
    bodies = [st.binary(max_size=40), cut, _JUNK.map(lambda junk: json.dumps(junk).encode())]
    try:
        bodies.append(_spoilt_json(parse_json(raw)))
        bodies.append(_spoilt_json(parse_json(raw)))
    except InvalidInput:
        pass  # no JSON: an empty answer, or another protocol's
    statuses = st.sampled_from([response.status] * 6 + [200, 204, 301, 400, 404, 429, 500])
    return st.builds(
        lambda status, body: ProviderResponse.of(status, list(response.headers), body), statuses, st.one_of(bodies)
    )


def only_invalid_input(call: Callable[[], Any]) -> Any:
    """What the call gives, or None where it turns the answer down; anything else that it raises fails the test."""
    try:
        return call()
    except InvalidInput:
        return None


# -- the edit form ---------------------------------------------------------------------------------------------------


def filled_form(schema: dict[str, Any], values: dict[str, Any], fixed: frozenset[str]) -> FormData:
    """What a browser sends for the operation's form when nobody changed anything."""
    sent: list[tuple[str, str]] = []
    for field in fields_of(schema, values, fixed=fixed):
        key = f"f.{field.name}"
        if field.kind == "check":
            sent += [(key, "on")] if field.value else []
        elif field.kind == "choices":
            sent += [(key, item) for item in field.value or ()]
        elif field.kind == "map":
            sent += [(f"{key}.{name}", value) for name, _, value in field.rows]
        else:
            sent.append((key, str(field.value)))
    return FormData(sent)
