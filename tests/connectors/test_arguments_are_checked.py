"""What an operation refuses before anything is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from activities.connectors.hubspot import HUBSPOT
from activities.connectors.registry import CONNECTORS, connector
from coco.errors import InvalidInput
from tests.connectors.samples import CRM

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("contacts.update", {"id": "51/../52", "properties": {"city": "x"}}),
    ("contacts.update", {"id": "51?x=1", "properties": {"city": "x"}}),
    ("contacts.update", {"id": "51\n", "properties": {"city": "x"}}),
    ("contacts.update", {"id": "٥١", "properties": {"city": "x"}}),
    ("contacts.update", {"id": "", "properties": {"city": "x"}}),
    ("contacts.update", {"id": 51, "properties": {"city": "x"}}),
    ("contacts.update", {"id": "51", "properties": {}}),
    ("contacts.update", {"id": "51", "properties": {"City": "x"}}),
    ("contacts.update", {"id": "51", "properties": {"ci ty": "x"}}),
    ("contacts.update", {"id": "51", "properties": {"city": 5}}),
    ("contacts.update", {"id": "51", "properties": {"city": None}}),
    ("contacts.update", {"id": "51", "properties": {"city": "x" * 10_001}}),
    ("contacts.update", {"id": "51", "properties": {"city": "x\0"}}),
    ("contacts.update", {"id": "51", "properties": {"city": "\ud800"}}),
    ("contacts.update", {"id": "51", "properties": {f"p{i}": "x" for i in range(21)}}),
    ("contacts.update", {"id": "51", "properties": {"hs_object_id": "1"}}),
    ("contacts.update", {"id": "51", "properties": {"city": "x"}, "idProperty": "email"}),
    ("deals.update", {"id": "51", "properties": {"dealstage": "closedwon"}}),
    ("deals.update", {"id": "51", "properties": {"pipeline": "other"}}),
    ("deals.move_stage", {"id": "51", "stage": ""}),
    ("deals.move_stage", {"id": "51", "stage": "closed won"}),
    ("deals.move_stage", {"id": "51", "stage": "closedwon", "properties": {"amount": "0"}}),
    ("contacts.create", {"properties": {"city": "Rome"}}),
    ("deals.create", {"properties": {"dealname": "x"}}),
    ("deals.create", {"properties": {"dealname": "x", "dealstage": "y"}, "contact_ids": ["1", "1"]}),
    ("contacts.search", {"limit": 201}),
    ("contacts.search", {"filter_groups": [[{"property": "city", "operator": "LIKE", "value": "x"}]]}),
    ("contacts.search", {"filter_groups": [[{"property": "city", "operator": "EQ"}]]}),
    ("contacts.search", {"filter_groups": [[{"property": "city", "operator": "HAS_PROPERTY", "value": "x"}]]}),
    ("contacts.search", {"filter_groups": [[{"property": "city", "operator": "BETWEEN", "value": "x"}]]}),
    ("contacts.list", {"after": "1&archived=true"}),
    ("contacts.get", {"id": "51", "associations": ["tickets"]}),
]


@pytest.mark.parametrize(("name", "arguments"), REFUSED)
def test_refused_with_the_operation_named(name: str, arguments: dict[str, Any]) -> None:
    operation = HUBSPOT.operations[name]
    with pytest.raises(InvalidInput, match=name):
        operation.request(CRM, operation.parse(arguments))


def test_no_arguments_reach_another_path() -> None:
    get = HUBSPOT.read("contacts.get")
    target = get.request(CRM, get.parse({"id": "00051", "associations": ["deals"], "archived": True})).target
    assert target.startswith("/crm/v3/objects/contacts/00051?properties=")
    assert target.endswith("&associations=deals&archived=true")


@pytest.mark.parametrize("name", sorted(CONNECTORS))
def test_every_operation_has_a_schema_for_its_form(name: str) -> None:
    for operation in connector(name).operations.values():
        schema = operation.arguments.model_json_schema()
        assert schema["additionalProperties"] is False
        assert operation.title


def test_an_unknown_connector_or_operation_is_told_what_there_is() -> None:
    with pytest.raises(InvalidInput, match=", ".join(sorted(CONNECTORS))):
        connector("nowhere")
    with pytest.raises(InvalidInput, match=r"contacts\.archive"):
        connector("hubspot").gated("contacts.merge")
    with pytest.raises(InvalidInput, match=r"contacts\.get"):
        connector("hubspot").read("contacts.update")
    with pytest.raises(InvalidInput):
        connector("hubspot").gated("contacts.get")
