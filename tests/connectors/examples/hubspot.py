"""HubSpot."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, NOTES, TASKS, ObjectType
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples, answer

_OWN: dict[str, dict[str, str | None]] = {
    "contacts": {"firstname": "Ada", "lastname": "Lovelace", "email": "ada@engine.example", "jobtitle": "Analyst"},
    "deals": {"dealname": "Pilot", "dealstage": "qualifiedtobuy", "amount": "100"},
    "companies": {"name": "Engine", "domain": "engine.example", "city": "London"},
    "notes": {"hs_note_body": "Met at the fair", "hs_timestamp": "2026-01-05T10:00:00Z"},
    "tasks": {"hs_task_subject": "Call back", "hs_timestamp": "2026-01-05T10:00:00Z"},
}


def _record(kind: ObjectType) -> dict[str, Any]:
    return {
        "id": "51",
        "properties": {**dict.fromkeys(kind.read_along), **_OWN[kind.plural]},
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-02T00:00:00Z",
        "archived": False,
        "url": "https://app.example/51",
    }


def _reads(kind: ObjectType) -> dict[str, tuple[Example, ...]]:
    more = {"paging": {"next": {"after": "2"}}}
    linked = {**_record(kind), "associations": {"companies": {"results": [{"id": "7", "type": "x"}]}}}
    page = answer({"total": 1, "results": [_record(kind)], **more})
    listed = answer({"results": [linked], **more})
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
        f"{kind.plural}.get": (Example(get, answer(linked)),),
        f"{kind.plural}.list": (
            Example({"properties": ["city"], "after": "2"}, listed),
            Example({}, listed),
        ),
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

LISTS: dict[str, Any] = {
    "lists": [
        {
            "listId": "12",
            "listVersion": 1,
            "name": "Pilots",
            "objectTypeId": "0-1",
            "processingStatus": "COMPLETE",
            "processingType": "MANUAL",
            "additionalProperties": {"hs_list_size": "3"},
        }
    ],
    "offset": 101,
    "hasMore": True,
    "total": 120,
}
ONE_LIST = {name: value for name, value in LISTS["lists"][0].items() if name != "additionalProperties"} | {"size": 3}
MEMBERS: dict[str, Any] = {
    "results": [{"recordId": "51", "membershipTimestamp": "2026-01-05T10:00:00Z"}],
    "paging": {"next": {"after": "NTE="}},
    "total": 3,
}
_MOVED: dict[str, Any] = {"recordIdsMissing": [], "recordIdsRemoved": [], "recordsIdsAdded": ["51"]}


def on_lists(*ids: str) -> dict[str, Any]:
    """The lists of a record, as HubSpot tells them."""
    return {"results": [{"listId": item, "listVersion": 1} for item in ids], "total": len(ids)}


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
        "companies.archive": (Example({"id": "51"}, _GONE, answer(_record(COMPANIES))),),
        "notes.archive": (Example({"id": "51"}, _GONE, answer(_record(NOTES))),),
        "tasks.archive": (Example({"id": "51"}, _GONE, answer(_record(TASKS))),),
        **{name: cases for name, cases in {**_reads(NOTES), **_reads(TASKS)}.items() if not name.endswith(".list")},
        "companies.create": (
            Example(
                {"properties": {"name": "Navy", "domain": "navy.example"}, "contact_ids": ["51", "52"]},
                answer(_record(COMPANIES), 201),
            ),
        ),
        "notes.create": (
            Example(
                {"at": "2026-01-05T10:00:00Z", "body": "Met at the fair.\nLikes engines.", "contact_ids": ["51"]},
                answer(_record(NOTES), 201),
            ),
            Example(
                {
                    "at": "2026-01-05T10:00:00Z",
                    "body": "On all",
                    "company_ids": ["7"],
                    "deal_ids": ["9"],
                    "owner_id": "3",
                },
                answer(_record(NOTES), 201),
            ),
        ),
        "tasks.create": (
            Example(
                {
                    "at": "2026-01-05T10:00:00+01:00",
                    "subject": "Call back",
                    "body": "About the offer",
                    "priority": "HIGH",
                    "kind": "CALL",
                    "owner_id": "3",
                    "deal_ids": ["9"],
                },
                answer(_record(TASKS), 201),
            ),
        ),
        "lists.search": (Example({"query": "pilots", "object": "contacts", "after": "100"}, answer(LISTS)),),
        "lists.get": (Example({"id": "12"}, answer({"list": ONE_LIST})),),
        "lists.memberships": (Example({"id": "12", "after": "NTI="}, answer(MEMBERS)),),
        "lists.of_record": (Example({"object": "contacts", "id": "51"}, answer(on_lists("12", "13"))),),
        "lists.add": (
            Example({"object": "contacts", "id": "51", "list_id": "12"}, answer(_MOVED), answer(on_lists("13"))),
        ),
        "lists.remove": (
            Example({"object": "deals", "id": "9", "list_id": "12"}, answer(_MOVED), answer(on_lists("12"))),
        ),
        "companies.update": _changed(COMPANIES, {"id": "51", "properties": {"city": "Rome"}}),
    },
)
