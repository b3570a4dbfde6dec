"""HubSpot's lists, notes, tasks and new companies: one record moves, and what hangs somewhere says where."""

from __future__ import annotations

import re
from typing import Any

import pytest

from activities.connectors.hubspot import HUBSPOT
from coco.canonical import parse_json
from coco.errors import InvalidInput
from tests.connectors.examples import answer
from tests.connectors.examples.hubspot import LISTS, MEMBERS, on_lists
from tests.connectors.samples import CRM

ADD, REMOVE = HUBSPOT.gated("lists.add"), HUBSPOT.gated("lists.remove")
ADA: dict[str, Any] = {"object": "contacts", "id": "51", "list_id": "12"}


def test_a_record_is_put_on_a_list() -> None:
    action = ADD.build(CRM, ADA, answer(on_lists("13")))
    assert (action.request.method, action.request.target) == ("PUT", "/crm/v3/lists/12/memberships/add")
    assert parse_json(action.request.body) == ["51"]
    assert action.prior is not None
    assert action.prior.request.target == "/crm/v3/lists/records/0-1/51/memberships"
    assert action.preview.before == {"on_list": False}
    assert action.preview.after == {"object": "contacts", "on_list": True}
    assert action.preview.summary == "Put contact 51 on list 12"


def test_where_nothing_would_change_there_is_no_action() -> None:
    with pytest.raises(InvalidInput, match="is on list 12 already"):
        ADD.build(CRM, ADA, answer(on_lists("12")))
    with pytest.raises(InvalidInput, match="is not on list 12 already"):
        REMOVE.build(CRM, ADA, answer(on_lists("13")))
    with pytest.raises(InvalidInput, match="there is no contact 51"):
        ADD.build(CRM, ADA, answer({"message": "not found"}, 404))


def test_lists_beyond_one_answer_are_not_taken_for_none() -> None:
    more = {**on_lists("13"), "paging": {"next": {"after": "x"}}}
    with pytest.raises(InvalidInput, match="more lists"):
        ADD.build(CRM, ADA, answer(more))
    assert ADD.prior(ADD.parse({**ADA, "list_id": "13"}), answer(more)) == {"on_list": True}


def test_read_back() -> None:
    parsed = ADD.parse(ADA)
    assert ADD.applied(parsed, {"on_list": True}) is True
    assert ADD.applied(parsed, {"on_list": False}) is None
    assert REMOVE.applied(parsed, {"on_list": False}) is True
    assert REMOVE.applied(parsed, {"on_list": True}) is None
    assert ADD.applied(parsed, None) is None


def test_pages_of_lists_and_of_members() -> None:
    search, members = HUBSPOT.read("lists.search"), HUBSPOT.read("lists.memberships")
    page = search.facts(search.parse({}), answer(LISTS))
    assert (page["after"], page["total"]) == ("101", 120)
    assert page["results"] == [{"id": "12", "name": "Pilots", "object": "contacts", "processing": "MANUAL", "size": 3}]
    body = parse_json(search.request(CRM, search.parse({"after": "101", "object": "deals", "query": "x"})).body)
    assert (body["offset"], body["objectTypeId"], body["query"]) == (101, "0-3", "x")
    assert search.facts(search.parse({}), answer({**LISTS, "hasMore": False}))["after"] is None
    found = members.facts(members.parse({"id": "12"}), answer(MEMBERS))
    assert found == {"results": [{"id": "51", "since": "2026-01-05T10:00:00Z"}], "after": "NTE=", "total": 3}
    following = members.request(CRM, members.parse({"id": "12", "after": found["after"]}))
    assert following.target == "/crm/v3/lists/12/memberships?limit=100&after=NTE%3D"


def test_a_note_says_where_it_hangs() -> None:
    note = HUBSPOT.gated("notes.create")
    arguments = {"at": "2026-01-05T10:00:00Z", "body": "Met.\nLikes engines.", "contact_ids": ["51"], "deal_ids": ["9"]}
    action = note.build(CRM, arguments, None)
    body = parse_json(action.request.body)
    assert body["properties"] == {"hs_timestamp": "2026-01-05T10:00:00Z", "hs_note_body": "Met.\nLikes engines."}
    assert [(item["to"]["id"], item["types"][0]["associationTypeId"]) for item in body["associations"]] == [
        ("51", 202),
        ("9", 214),
    ]
    assert action.preview.record == "contact 51 and deal 9"
    assert action.preview.body == arguments["body"]


def test_a_task_is_not_started_when_it_is_made() -> None:
    task = HUBSPOT.gated("tasks.create")
    arguments = {"at": "2026-01-05T10:00:00Z", "subject": "Call", "kind": "CALL", "company_ids": ["7"], "owner_id": "3"}
    body = parse_json(task.build(CRM, arguments, None).request.body)
    assert body["properties"] == {
        "hs_timestamp": "2026-01-05T10:00:00Z",
        "hs_task_subject": "Call",
        "hs_task_status": "NOT_STARTED",
        "hs_task_type": "CALL",
        "hubspot_owner_id": "3",
    }
    assert body["associations"][0]["types"][0]["associationTypeId"] == 192


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("notes.create", {"at": "2026-01-05T10:00:00Z", "body": "x"}),
        ("notes.create", {"at": "2026-01-05", "body": "x", "contact_ids": ["51"]}),
        ("notes.create", {"at": "2026-01-05T10:00:00Z", "body": "x", "contact_ids": ["51", "51"]}),
        ("tasks.create", {"at": "2026-01-05T10:00:00Z", "subject": "x", "kind": "PARTY", "contact_ids": ["51"]}),
        ("companies.create", {"properties": {"city": "Rome"}}),
        ("lists.add", {**ADA, "object": "tickets"}),
        ("lists.add", {**ADA, "list_id": "12/memberships/remove"}),
        ("lists.search", {"limit": 501}),
    ],
)
def test_refused_with_the_operation_named(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=re.escape(name)):
        HUBSPOT.operations[name].parse(arguments)


def test_a_company_with_its_contacts() -> None:
    action = HUBSPOT.gated("companies.create").build(
        CRM, {"properties": {"domain": "engine.example"}, "contact_ids": ["51"]}, None
    )
    assert parse_json(action.request.body)["associations"] == [
        {
            "to": {"id": "51"},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 280}],
        }
    ]
    assert action.preview.summary == "Create the company engine.example"
