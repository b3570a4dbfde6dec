"""The demo CRM's answers fit HubSpot's own description, errors included."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.connectors.descriptions import problems, schema_of_answer
from tests.demo_fixture import Demo

OBJECTS = {"contacts": "contacts", "0-3": "deals", "companies": "companies"}
ID = {"contacts": "{contactId}", "0-3": "{dealId}", "companies": "{companyId}"}
NEW = {
    "contacts": {"email": "New.Person@Somewhere.example", "firstname": "New"},
    "0-3": {"dealname": "New deal", "dealstage": "qualifiedtobuy"},
    "companies": {"name": "New company", "domain": "new-company.example"},
}


def fits(path: str, kind: str, method: str, response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    file = f"hubspot-{OBJECTS[kind]}-v3.json"
    body = response.json()
    # The description says text; the real service answers null for what is unset, and so does this one.
    for entry in body.get("results", [body]):
        entry["properties"] = {name: value for name, value in entry["properties"].items() if value is not None}
    assert problems(file, schema_of_answer(file, method, path, status), body) == []
    return body


def is_error(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body = dict(response.json())
    assert body["status"] == "error"
    # The real service answers these beside what the description lists.
    described = {name: value for name, value in body.items() if name not in {"status", "errorType", "policyName", "id"}}
    assert problems("hubspot-contacts-v3.json", {"$ref": "#/components/schemas/Error"}, described) == []
    return body


@pytest.mark.parametrize("kind", OBJECTS)
def test_one_record_from_its_creation_to_its_end(demo: Demo, kind: str) -> None:
    base = f"/crm/v3/objects/{kind}"
    item = f"{base}/{ID[kind]}"
    made = fits(base, kind, "POST", demo.crm("POST", base, json={"properties": NEW[kind], "associations": []}), 201)
    own = f"{base}/{made['id']}"
    read = demo.crm("GET", own, params={"properties": ",".join(NEW[kind])})
    assert (
        fits(item, kind, "GET", read, 200)["properties"].items()
        >= {k: v.lower() if k == "email" else v for k, v in NEW[kind].items()}.items()
    )
    name = next(iter(NEW[kind]))
    value = "other@somewhere.example" if name == "email" else "Other"
    changed = fits(item, kind, "PATCH", demo.crm("PATCH", own, json={"properties": {name: value}}), 200)
    assert changed["properties"][name] == value
    assert changed["updatedAt"] >= made["updatedAt"]
    gone = demo.crm("DELETE", own)
    assert (gone.status_code, gone.content) == (204, b"")
    is_error(demo.crm("GET", own), 404)
    is_error(demo.crm("PATCH", own, json={"properties": {name: "x"}}), 404)
    archived = fits(item, kind, "GET", demo.crm("GET", own, params={"archived": "true"}), 200)
    assert archived["archived"] is True
    assert archived["archivedAt"]


@pytest.mark.parametrize("kind", OBJECTS)
def test_pages_cover_everything_once(shown: Demo, kind: str) -> None:
    base = f"/crm/v3/objects/{kind}"
    ids: list[str] = []
    params: dict[str, Any] = {"limit": 37, "associations": "contacts,companies,deals"}
    while True:
        page = fits(base, kind, "GET", shown.crm("GET", base, params=params), 200)
        ids += [entry["id"] for entry in page["results"]]
        if "paging" not in page:
            break
        params["after"] = page["paging"]["next"]["after"]
    assert len(ids) == len(set(ids)) == {"contacts": 300, "0-3": 150, "companies": 80}[kind]
    path = f"{base}/search"
    found = fits(path, kind, "POST", shown.crm("POST", path, json={"limit": 200}), 200)
    assert found["total"] == len(ids)


def test_associations_go_both_ways(shown: Demo) -> None:
    deal = shown.crm("GET", "/crm/v3/objects/deals/3001", params={"associations": "contacts,companies"}).json()
    [company] = deal["associations"]["companies"]["results"]
    assert company["type"] == "deal_to_company"
    back = shown.crm("GET", f"/crm/v3/objects/companies/{company['id']}", params={"associations": "0-3"}).json()
    assert "3001" in {entry["id"] for entry in back["associations"]["deals"]["results"]}


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}])
def test_without_the_key_nothing_is_told_or_done(demo: Demo, headers: dict[str, str]) -> None:
    url = f"{demo.http}/crm/v3/objects/contacts/1001"
    assert is_error(httpx.get(url, headers=headers), 401)["category"] == "INVALID_AUTHENTICATION"
    before = demo.record("contacts", "1001", "city")
    is_error(httpx.patch(url, headers=headers, json={"properties": {"city": "Nowhere"}}), 401)
    assert demo.record("contacts", "1001", "city") == before
    assert [(entry["method"], entry["status"]) for entry in demo.requests()] == [("PATCH", 401)]


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        ({"shoe_size": "44"}, "PROPERTY_DOESNT_EXIST"),
        ({"lifecyclestage": "friend"}, "INVALID_OPTION"),
        ({"tags": "customer;enemy"}, "INVALID_OPTION"),
        ({"email": "nobody"}, "INVALID_EMAIL"),
        ({"hs_object_id": "5"}, "READ_ONLY_VALUE"),
    ],
)
def test_wrong_values_change_nothing(demo: Demo, properties: dict[str, str], code: str) -> None:
    asked = {"properties": {**properties, "city": "Nowhere"}}
    body = is_error(demo.crm("PATCH", "/crm/v3/objects/contacts/1001", json=asked), 400)
    assert (body["category"], body["errors"][0]["code"]) == ("VALIDATION_ERROR", code)
    assert demo.record("contacts", "1001", "city")["city"] != "Nowhere"


def test_an_address_belongs_to_one_contact(demo: Demo) -> None:
    taken = demo.record("contacts", "1002", "email")["email"]
    new = {"properties": {"email": taken.upper()}, "associations": []}
    assert is_error(demo.crm("POST", "/crm/v3/objects/contacts", json=new), 409)["category"] == "CONFLICT"
    is_error(demo.crm("PATCH", "/crm/v3/objects/contacts/1001", json={"properties": {"email": taken}}), 409)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/crm/v3/objects/contacts/9999999", None, 404),
        ("GET", "/crm/v3/objects/contacts/abc", None, 404),
        ("GET", "/crm/v3/objects/contacts?limit=101", None, 400),
        ("GET", "/crm/v3/objects/tickets", None, 400),
        ("POST", "/crm/v3/objects/contacts/merge", {}, 405),
        ("POST", "/crm/v3/objects/contacts", [], 400),
        ("PATCH", "/crm/v3/objects/contacts/1001", {"properties": {}}, 400),
        ("POST", "/crm/v3/objects/contacts/search", {"filterGroups": [{"filters": [{"operator": "EQ"}]}]}, 400),
        ("POST", "/crm/v3/objects/contacts/search", {"limit": 201}, 400),
        ("POST", "/crm/v3/objects/contacts/search", {"limit": 200, "after": "9900"}, 400),
    ],
)
def test_what_cannot_be_answered_is_refused(shown: Demo, method: str, path: str, body: Any, status: int) -> None:
    is_error(shown.crm(method, path, json=body), status)
