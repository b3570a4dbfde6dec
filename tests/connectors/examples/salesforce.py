"""Salesforce."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples, answer

ACCOUNT = "001Qy00000AbCdEIAV"
OPPORTUNITY = "006Qy00000XyZabIAF"
_NOTHING = ProviderResponse.of(204, [], b"")


def record(kind: str, record_id: str, **fields: Any) -> dict[str, Any]:
    """A record as the REST API tells it."""
    where = f"/services/data/v60.0/sobjects/{kind}/{record_id}"
    return {"attributes": {"type": kind, "url": where}, "Id": record_id, **fields}


_PAGE = answer(
    {
        "totalSize": 2001,
        "done": False,
        "nextRecordsUrl": "/services/data/v60.0/query/01gQy00000AaBbCIAV-2000",
        "records": [
            record("Account", ACCOUNT, Name="Engine", Owner=record("User", "005Qy00000AAAAAIA2", Name="Ada")),
        ],
    }
)
_LAST = answer({"totalSize": 1, "done": True, "records": [record("Account", ACCOUNT, Name="Engine")]})
_DESCRIPTION = {
    "name": "Account",
    "label": "Account",
    "fields": [
        {
            "name": "Industry",
            "label": "Industry",
            "type": "picklist",
            "createable": True,
            "updateable": True,
            "picklistValues": [{"value": "Energy", "active": True}],
        }
    ],
}

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=3), connector="salesforce", title="Org"),
    {
        "records.query": (
            Example(
                {
                    "object": "Account",
                    "fields": ["Name", "Owner.Name"],
                    "where": [
                        {"field": "Name", "operator": "LIKE", "value": "O'Brien%"},
                        {"field": "Industry", "operator": "IN", "values": ["Energy"]},
                        {"field": "CreatedDate", "operator": ">=", "moment": "2026-01-01T00:00:00Z"},
                        {"field": "IsDeleted", "operator": "=", "value": False},
                    ],
                    "order_by": "Name",
                    "limit": 50,
                },
                _PAGE,
            ),
            Example({"soql": "SELECT Id FROM Account WHERE Name = 'FOR VIEW'"}, _LAST),
            Example({"after": "01gQy00000AaBbCIAV-2000"}, _LAST),
        ),
        "records.get": (
            Example(
                {"object": "Account", "id": ACCOUNT, "fields": ["Name"]},
                answer(record("Account", ACCOUNT, Name="Engine")),
            ),
            Example({"object": "Account", "id": ACCOUNT}, answer(record("Account", ACCOUNT, Name="Engine"))),
        ),
        "records.describe": (Example({"object": "Account"}, answer(_DESCRIPTION)),),
        "records.create": (
            Example(
                {"object": "Contact", "fields": {"LastName": "Hopper", "HasOptedOutOfEmail": False, "Level__c": 2}},
                answer({"id": "003Qy00000PpPpPIAV", "success": True, "errors": []}, 201),
            ),
        ),
        "records.update": (
            Example(
                {"object": "Account", "id": ACCOUNT, "fields": {"Industry": "Energy", "NumberOfEmployees": 12}},
                _NOTHING,
                answer(record("Account", ACCOUNT, Name="Engine", Industry=None, NumberOfEmployees=7)),
            ),
            Example(
                {"object": "Account", "id": ACCOUNT, "fields": {"Phone": "+1 360 555 0100"}},
                _NOTHING,
                answer(record("Account", ACCOUNT, Name="Engine", Phone="")),
            ),
        ),
        "records.delete": (
            Example(
                {"object": "Account", "id": ACCOUNT},
                _NOTHING,
                answer(record("Account", ACCOUNT, Name="Engine", LastModifiedDate="2026-01-01T00:00:00.000+0000")),
            ),
        ),
        "opportunities.move_stage": (
            Example(
                {"id": OPPORTUNITY, "stage": "Negotiation/Review"},
                _NOTHING,
                answer(record("Opportunity", OPPORTUNITY, Name="Pilot", StageName="Prospecting")),
            ),
        ),
    },
)
