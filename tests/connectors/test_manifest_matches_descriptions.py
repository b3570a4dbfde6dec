"""Every route of HubSpot's manifest exists in HubSpot's own description, and nothing that mutates is called a read."""

from __future__ import annotations

from typing import Literal, cast

import pytest

from activities.connectors.hubspot import HUBSPOT
from activities.connectors.registry import CONNECTORS
from coco.errors import Code, Refused
from coco.requests import PreparedRequest
from tests.connectors.descriptions import DIRECTORY, Described, operations

OF_KIND = {
    "contacts": "hubspot-contacts-v3.json",
    "deals": "hubspot-deals-v3.json",
    "companies": "hubspot-companies-v3.json",
}
ALL_HUBSPOT = sorted(path.name for path in DIRECTORY.glob("hubspot-*.json")) or list(OF_KIND.values())
# Ids of a record, and ids that are spelt like the provider's own path words.
SAMPLE_IDS = ("51", "search", "merge", "batch", "0-3", "%73earch")


@pytest.mark.parametrize("name", sorted(HUBSPOT.operations))
def test_route_exists_in_the_description(name: str) -> None:
    route = HUBSPOT.operations[name].route
    described = {(o.method, o.path): o for o in operations(OF_KIND[name.partition(".")[0]])}
    found = described.get((route.method, route.path))
    assert found is not None, f"{route.method} {route.path} is not described"
    assert found.mutates == (route.access == "gated")
    assert found.scopes <= set(route.scopes), "the connection would lack a scope"


def _filled(path: str, sample: str) -> str:
    return "/".join(sample if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("file", ALL_HUBSPOT)
def test_no_mutation_passes_as_a_read(file: str) -> None:
    walked = 0
    for operation in operations(file):
        if not operation.mutates:
            continue
        for sample in SAMPLE_IDS:
            for query in ("", "?archived=false", "?idProperty=email"):
                assert _access(operation, _filled(operation.path, sample) + query) in {"gated", "refused"}, operation
                walked += 1
    assert walked >= 18


def _access(operation: Described, target: str) -> str:
    method = cast(Literal["POST", "PUT", "PATCH", "DELETE"], operation.method)
    request = PreparedRequest(protocol="http", method=method, target=target, body="{}")
    try:
        return HUBSPOT.classify(request).access
    except Refused as refusal:
        return "refused" if refusal.code is Code.NOT_IN_MANIFEST else f"refused for another reason: {refusal.code}"


@pytest.mark.parametrize("file", list(OF_KIND.values()))
def test_the_walk_tells_mutations_from_reads(file: str) -> None:
    """The rule itself, on the operations whose nature nobody doubts."""
    by_suffix = {o.operation_id.rpartition("_")[2] + o.path.rpartition("/")[2]: o.mutates for o in operations(file)}
    told = {name: mutates for name, mutates in by_suffix.items() if name[0].islower()}
    assert told["doSearchsearch"] is False
    assert told["readread"] is False
    for mutating in ("mergemerge", "archivearchive", "createcreate", "updateupdate", "upsertupsert"):
        assert told[mutating] is True


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/crm/v3/objects/contacts/merge"),
        ("POST", "/crm/v3/objects/contacts/gdpr-delete"),
        ("POST", "/crm/v3/objects/contacts/batch/read"),
        ("GET", "/crm/v3/objects/contacts/51/associations"),
        ("GET", "/crm/v3/objects/contacts/"),
        ("POST", "/crm/v3/objects/contacts/%73earch"),
        ("POST", "/crm/v3/objects/contacts/search/"),
        ("PUT", "/crm/v3/objects/contacts/51"),
        ("GET", "/oauth/v1/access-tokens/x"),
    ],
)
def test_what_no_route_names_is_refused(method: Literal["GET", "POST", "PUT"], target: str) -> None:
    with pytest.raises(Refused) as refusal:
        HUBSPOT.classify(PreparedRequest(protocol="http", method=method, target=target))
    assert refusal.value.code is Code.NOT_IN_MANIFEST


def test_every_operation_of_every_connector_is_one_or_the_other() -> None:
    for connector in CONNECTORS.values():
        for name, operation in connector.operations.items():
            assert operation.route.operation == name == operation.name
            assert operation.route.scopes
