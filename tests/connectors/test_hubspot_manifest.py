"""What no route of HubSpot's manifest names is refused. That its routes are HubSpot's is tested on its descriptions."""

from __future__ import annotations

from typing import Literal

import pytest

from activities.connectors.hubspot import HUBSPOT
from activities.connectors.registry import CONNECTORS
from coco.errors import Code, Refused
from coco.requests import PreparedRequest


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
        ("POST", "/crm/v3/lists"),
        ("PUT", "/crm/v3/lists/12/memberships/add-and-remove"),
        ("PUT", "/crm/v3/lists/12/memberships/add-from/13"),
        ("PUT", "/crm/v3/lists/12/update-list-name"),
        ("GET", "/crm/v3/lists/12/memberships?listId=13"),
        ("GET", "/crm/v3/objects/contacts?hapikey=x"),
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
