"""HubSpot."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, ObjectType
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples, answer

_OWN: dict[str, dict[str, str | None]] = {
    "contacts": {"firstname": "Ada", "lastname": "Lovelace", "email": "ada@engine.example", "jobtitle": "Analyst"},
    "deals": {"dealname": "Pilot", "dealstage": "qualifiedtobuy", "amount": "100"},
    "companies": {"name": "Engine", "domain": "engine.example", "city": "London"},
}


def _record(kind: ObjectType) -> dict[str, Any]:
    return {
        "id": "51",
        "properties": {**dict.fromkeys(kind.read_along), **_OWN[kind.plural]},
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-02T00:00:00Z",
        "archived": False,
        "associations": {"companies": {"results": [{"id": "7", "type": "x"}]}},
        "url": "https://app.example/51",
    }


def _reads(kind: ObjectType) -> dict[str, tuple[Example, ...]]:
    page = answer({"total": 1, "results": [_record(kind)], "paging": {"next": {"after": "2"}}})
    search: dict[str, Any] = {
        "filter_groups": [[{"property": "city", "operator": "EQ", "value": "Rome"}]],
        "query": "engine",
        "properties": ["city"],
        "sorts": [{"property": "createdate", "descending": True}],
        "after": "40",
    }
    get = {"id": "51", "properties": ["city"], "associations": ["deals"]}
    return {
        f"{kind.plural}.search": (Example(search, page), Example({}, page)),
        f"{kind.plural}.get": (Example(get, answer(_record(kind))),),
        f"{kind.plural}.list": (Example({"properties": ["city"], "after": "2"}, page), Example({}, page)),
    }


def _changed(kind: ObjectType, arguments: dict[str, Any]) -> tuple[Example, ...]:
    return (Example(arguments, answer(_record(kind)), answer(_record(kind))),)


_GONE = ProviderResponse.of(204, [], b"")
_PERSON = {"properties": {"email": "grace@navy.example", "lastname": "Hopper"}, "company_id": "7"}
_DEAL = {
    "properties": {"dealname": "Rollout", "dealstage": "contractsent", "amount": "250"},
    "contact_ids": ["51"],
    "company_id": "7",
}

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=1), connector="hubspot", title="CRM"),
    {
        **_reads(CONTACTS),
        **_reads(DEALS),
        **_reads(COMPANIES),
        "contacts.create": (Example(_PERSON, answer(_record(CONTACTS), 201)),),
        "contacts.update": _changed(CONTACTS, {"id": "51", "properties": {"jobtitle": "CTO", "city": "Rome"}}),
        "contacts.archive": (Example({"id": "51"}, _GONE, answer(_record(CONTACTS))),),
        "deals.create": (Example(_DEAL, answer(_record(DEALS), 201)),),
        "deals.update": _changed(DEALS, {"id": "51", "properties": {"amount": "300"}}),
        "deals.move_stage": _changed(DEALS, {"id": "51", "stage": "closedwon"}),
        "deals.archive": (Example({"id": "51"}, _GONE, answer(_record(DEALS))),),
        "companies.update": _changed(COMPANIES, {"id": "51", "properties": {"city": "Rome"}}),
    },
)
