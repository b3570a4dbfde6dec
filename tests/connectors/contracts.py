"""The providers' own API descriptions, in the three forms that they publish them: OpenAPI 3, Swagger 2 and Google's
discovery documents. Read as data, from outside of the project; a test that needs one that is missing is skipped.

What mutates is decided here, on the description's word and never on the manifest's: every verb but GET and HEAD, unless
the operation is on the reviewed list below; and a GET too, where its scopes do not say that it only reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from activities.connectors.base import Route
from tests.connectors.descriptions import description

FILES: dict[str, tuple[str, ...]] = {
    "gmail": ("google-gmail.v1.json",),
    "google_calendar": ("google-calendar.v3.json",),
    "hubspot": (
        "hubspot-companies-v3.json",
        "hubspot-contacts-v3.json",
        "hubspot-deals-v3.json",
        "hubspot-lists-v3.json",
        "hubspot-notes-v3.json",
    ),
    "slack": ("slack-web-v2.json",),
}
"""The descriptions of each connector that has any."""

READS_BY_POST: dict[str, frozenset[str]] = {
    "google_calendar": frozenset({"/calendar/v3/freeBusy"}),
    "hubspot": frozenset(
        {
            "/crm/v3/lists/idmapping",
            "/crm/v3/lists/records/memberships/batch/read",
            "/crm/v3/lists/search",
            *(
                f"/crm/v3/objects/{kind}/{what}"
                for kind in ("companies", "contacts", "0-3", "notes")
                for what in ("batch/read", "search")
            ),
        }
    ),
}
"""Reviewed by hand: POSTs that change nothing and carry what they look for in the body."""

ALIKE = {"/crm/v3/objects/tasks": "/crm/v3/objects/notes"}
"""Paths whose own description is not at hand, and that of the same interface which stands in for it."""

_READING_SCOPE = {
    "gmail": re.compile(r"/gmail\.(readonly|metadata)$|\.addons\.current\.message\.(readonly|metadata)$"),
    "google_calendar": re.compile(r"\.readonly$|/calendar\.(freebusy|events\.freebusy)$"),
    "hubspot": re.compile(r"\.read$"),
    "slack": re.compile(r":(read|history)$|:read\.email$|^identity\.[a-z]+(:read)?$|^users\.profile:read$"),
}


@dataclass(frozen=True)
class Described:
    """One operation of a description."""

    connector: str
    file: str
    method: str
    path: str
    """Below the connector's base URL."""
    alternatives: tuple[frozenset[str], ...]
    """Scopes: one of these sets is enough."""
    parameters: Mapping[str, Mapping[str, Any]]
    """Those of the query, by name."""
    body: Mapping[str, Any] | None = None
    """The body's schema."""
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Schemas by status."""
    more_paths: tuple[str, ...] = ()
    """Further paths at which the same operation answers, such as Google's for uploads."""

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset().union(*self.alternatives)

    @property
    def asks_for_reading_only(self) -> bool:
        """Whether a scope that only reads is enough for it."""
        pattern = _READING_SCOPE[self.connector]
        return any(scopes and all(pattern.search(scope) for scope in scopes) for scopes in self.alternatives)

    @property
    def mutates(self) -> bool:
        if self.method not in {"GET", "HEAD"} and self.path not in READS_BY_POST.get(self.connector, ()):
            return True
        return not self.asks_for_reading_only

    def has_route(self, route: Route) -> bool:
        """Whether a manifest's route is this operation; the manifest may fix what is a parameter in the description."""
        path = next(
            (there + route.path[len(here) :] for here, there in ALIKE.items() if route.path.startswith(here)), ""
        )
        mine, theirs = self.path.split("/"), (path or route.path).split("/")
        return (
            route.method == self.method
            and len(mine) == len(theirs)
            and all(a == b or a.startswith("{") for a, b in zip(mine, theirs, strict=True))
        )


def described(connector: str) -> Iterator[Described]:
    """Every operation of a connector's descriptions; skips the test where they are not at hand."""
    for file in FILES[connector]:
        whole = description(file)
        if "resources" in whole:
            yield from _discovery(connector, file, whole, whole)
        elif "swagger" in whole:
            yield from _swagger(connector, file, whole)
        else:
            yield from _openapi(connector, file, whole)


def found(connector: str, route: Route) -> Described:
    """The described operation of a route: the most literal one. Fails where there is none."""
    fitting = [operation for operation in described(connector) if operation.has_route(route)]
    assert fitting, f"{route.method} {route.path} is in no description of {connector}"
    return min(fitting, key=lambda operation: operation.path.count("{"))


def _discovery(connector: str, file: str, whole: Mapping[str, Any], part: Mapping[str, Any]) -> Iterator[Described]:
    for told in part.get("methods", {}).values():
        # `{+name}` is a parameter that may hold slashes; none of what is used here has one.
        parameters = {n: p for n, p in told.get("parameters", {}).items() if p["location"] == "query"}
        uploads = told.get("mediaUpload", {}).get("protocols", {}).values()
        yield Described(
            connector,
            file,
            told["httpMethod"],
            f"/{whole['servicePath']}{told['path']}",
            tuple(frozenset({scope}) for scope in told.get("scopes", ())),
            {**whole.get("parameters", {}), **parameters},
            told.get("request"),
            {"200": told["response"]} if "response" in told else {},
            tuple(protocol["path"] for protocol in uploads),
        )
    for inner in part.get("resources", {}).values():
        yield from _discovery(connector, file, whole, inner)


def _swagger(connector: str, file: str, whole: Mapping[str, Any]) -> Iterator[Described]:
    for path, methods in whole["paths"].items():
        for method, told in methods.items():
            parameters = told.get("parameters", [])
            form = {item["name"]: item for item in parameters if item["in"] == "formData"}
            yield Described(
                connector,
                file,
                method.upper(),
                whole["basePath"] + path,
                # Any one of the scopes listed is enough, as Slack explains them.
                tuple(frozenset({scope}) for need in told.get("security", []) for s in need.values() for scope in s),
                {item["name"]: item for item in parameters if item["in"] == "query"},
                {
                    "type": "object",
                    "properties": form,
                    "required": [name for name, item in form.items() if item.get("required") is True],
                }
                if form
                else None,
                {status: answer["schema"] for status, answer in told["responses"].items() if "schema" in answer},
            )


def _openapi(connector: str, file: str, whole: Mapping[str, Any]) -> Iterator[Described]:
    for path, methods in whole["paths"].items():
        for method, told in methods.items():
            contents = {
                status: answer.get("content", {}).get("application/json", {}).get("schema")
                for status, answer in told["responses"].items()
            }
            yield Described(
                connector,
                file,
                method.upper(),
                path,
                tuple(frozenset(scope for s in need.values() for scope in s) for need in told.get("security", [])),
                {item["name"]: item["schema"] for item in told.get("parameters", []) if item["in"] == "query"},
                told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema"),
                {status: schema for status, schema in contents.items() if schema is not None},
            )
