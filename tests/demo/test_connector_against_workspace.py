"""HubSpot's connector and the workspace understand each other: read, build, send, read back."""

from __future__ import annotations

from typing import Any

import pytest

from activities.connectors.registry import connector
from coco.requests import PreparedRequest, ProviderResponse
from tests.connectors.samples import CRM
from tests.demo_fixture import Demo

HUBSPOT = connector("hubspot")


def sent(demo: Demo, request: PreparedRequest) -> ProviderResponse:
    import httpx

    headers = {**dict(request.headers), "authorization": f"Bearer {demo.api_key}"}
    got = httpx.request(
        request.method, f"{demo.http}{request.target}", headers=headers, content=request.body_bytes(), timeout=30
    )
    return ProviderResponse.of(got.status_code, list(got.headers.items()), got.content)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("contacts.update", {"id": "1001", "properties": {"jobtitle": "CTO", "city": "Rome", "phone": ""}}),
        ("contacts.update", {"id": "1001", "properties": {"email": "Someone.New@Nowhere.example"}}),
        ("deals.update", {"id": "3001", "properties": {"amount": "12345", "hs_next_step": "Call"}}),
        ("deals.move_stage", {"id": "3001", "stage": "contractsent"}),
        ("companies.update", {"id": "2001", "properties": {"city": "Rome"}}),
        ("contacts.archive", {"id": "1001"}),
        ("deals.archive", {"id": "3001"}),
    ],
)
def test_a_change_is_read_sent_and_read_back(demo: Demo, name: str, arguments: dict[str, Any]) -> None:
    operation = HUBSPOT.gated(name)
    parsed = operation.parse(arguments)
    question = operation.prior_request(CRM, parsed)
    assert question is not None
    action = operation.build(CRM, arguments, sent(demo, question))
    assert operation.applied(parsed, operation.prior(parsed, sent(demo, question))) is None
    response = sent(demo, action.request)
    assert 200 <= response.status < 300
    assert operation.result(parsed, response)["id"] == arguments["id"]
    assert operation.applied(parsed, operation.prior(parsed, sent(demo, question))) is True
    [seen] = demo.requests()
    assert (seen["method"], seen["path"], seen["body"]) == (
        action.request.method,
        action.request.path,
        action.request.body,
    )


def test_creates_are_associated(demo: Demo) -> None:
    create = HUBSPOT.gated("contacts.create")
    contact = create.build(CRM, {"properties": {"email": "new@nowhere.example"}, "company_id": "2001"}, None)
    made = create.result(create.parse({"properties": {"email": "x@y.example"}}), sent(demo, contact.request))
    deal_arguments = {
        "properties": {"dealname": "Pilot", "dealstage": "qualifiedtobuy"},
        "contact_ids": [made["id"]],
        "company_id": "2001",
    }
    create_deal = HUBSPOT.gated("deals.create")
    deal = create_deal.build(CRM, deal_arguments, None)
    deal_id = create_deal.result(create_deal.parse(deal_arguments), sent(demo, deal.request))["id"]
    get = HUBSPOT.read("deals.get")
    asked = get.parse({"id": deal_id, "associations": ["contacts", "companies"]})
    facts = get.facts(asked, sent(demo, get.request(CRM, asked)))
    assert facts["associations"] == {"contacts": [made["id"]], "companies": ["2001"]}


def test_reads_give_facts(demo: Demo) -> None:
    for kind in ("contacts", "deals", "companies"):
        search, listing = HUBSPOT.read(f"{kind}.search"), HUBSPOT.read(f"{kind}.list")
        for operation in (search, listing):
            first = operation.parse({"limit": 40})
            page = operation.facts(first, sent(demo, operation.request(CRM, first)))
            following = operation.parse({"limit": 40, "after": page["after"]})
            after = operation.facts(following, sent(demo, operation.request(CRM, following)))
            assert not {r["id"] for r in page["results"]} & {r["id"] for r in after["results"]}
            assert len(page["results"]) == len(after["results"]) == 40
    assert demo.requests() == []
