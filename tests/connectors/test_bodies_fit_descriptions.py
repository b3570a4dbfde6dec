"""Each request body is what HubSpot's description asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from activities.connectors.hubspot import HUBSPOT
from coco.canonical import canonical, parse_json
from tests.connectors.descriptions import problems, schema_of_body
from tests.connectors.samples import CRM, thorough, updates

FULL_SEARCH = {
    "filter_groups": [
        [
            {"property": "city", "operator": "IN", "values": ["berlin", "paris"]},
            {"property": "amount", "operator": "BETWEEN", "value": "1", "high_value": "9"},
        ],
        [{"property": "phone", "operator": "NOT_HAS_PROPERTY"}],
    ],
    "query": "acme",
    "properties": ["city", "phone"],
    "sorts": [{"property": "createdate", "descending": True}],
    "limit": 20,
    "after": "40",
}
CASES: list[tuple[str, str, dict[str, Any]]] = [
    *((f"{kind}.search", kind, FULL_SEARCH) for kind in ("contacts", "deals", "companies")),
    *((f"{kind}.search", kind, {}) for kind in ("contacts", "deals", "companies")),
    ("contacts.create", "contacts", {"properties": {"email": "a@b.example"}, "company_id": "7"}),
    ("contacts.create", "contacts", {"properties": {"lastname": "Ito"}}),
    ("contacts.update", "contacts", {"id": "51", "properties": {"jobtitle": "CTO", "city": ""}}),
    (
        "deals.create",
        "deals",
        {
            "properties": {"dealname": "Pilot", "dealstage": "qualifiedtobuy"},
            "contact_ids": ["1", "2"],
            "company_id": "3",
        },
    ),
    ("deals.update", "deals", {"id": "51", "properties": {"amount": "100"}}),
    ("deals.move_stage", "deals", {"id": "51", "stage": "closedwon"}),
    ("companies.update", "companies", {"id": "51", "properties": {"city": "Rome"}}),
]


@pytest.mark.parametrize(("name", "kind", "arguments"), CASES)
def test_body_fits_the_schema(name: str, kind: str, arguments: dict[str, Any]) -> None:
    operation = HUBSPOT.operations[name]
    request = operation.request(CRM, operation.parse(arguments))
    assert operation.route.matches(request)
    schema = schema_of_body(f"hubspot-{kind}-v3.json", operation.route.method, operation.route.path)
    assert problems(f"hubspot-{kind}-v3.json", schema, parse_json(request.body)) == []
    assert request.headers == (("content-type", "application/json"),)


@thorough
@given(updates)
def test_any_update_fits_the_schema_and_is_canonical(arguments: dict[str, Any]) -> None:
    operation = HUBSPOT.gated("contacts.update")
    request = operation.request(CRM, operation.parse(arguments))
    schema = schema_of_body("hubspot-contacts-v3.json", "PATCH", operation.route.path)
    assert problems("hubspot-contacts-v3.json", schema, parse_json(request.body)) == []
    assert canonical(parse_json(request.body)) == request.body_bytes()


def test_the_checker_sees_what_does_not_fit() -> None:
    file, path = "hubspot-contacts-v3.json", "/crm/v3/objects/contacts/{contactId}"
    schema = schema_of_body(file, "PATCH", path)
    assert problems(file, schema, {}) == ["$: properties is missing"]
    assert problems(file, schema, {"properties": {"a": 1}})
    assert problems(file, schema, {"properties": {}, "extra": True})


def test_reads_without_a_body_ask_for_described_parameters() -> None:
    from tests.connectors.descriptions import description

    for kind in ("contacts", "deals", "companies"):
        for name in (f"{kind}.get", f"{kind}.list"):
            operation = HUBSPOT.read(name)
            arguments = {"id": "51"} if name.endswith("get") else {"after": "9", "limit": 5}
            request = operation.request(CRM, operation.parse({**arguments, "associations": ["contacts"]}))
            described = description(f"hubspot-{kind}-v3.json")["paths"][operation.route.path]["get"]["parameters"]
            asked = {pair.partition("=")[0] for pair in request.target.partition("?")[2].split("&")}
            assert asked <= {parameter["name"] for parameter in described}
