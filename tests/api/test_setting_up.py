"""Connections and workflows over REST."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from nacl.public import PrivateKey

from coco.sealing import open_sealed
from tests.api.people import Person, code
from tests.conftest import Postgres
from tests.connecting import accept

SECRET = "pat-na1-zebra-crossing-41"


@pytest.fixture
def sandbox(ada: Person, postgres: Postgres) -> PrivateKey:
    """Ada's sandbox has started once and published its key."""
    key = PrivateKey.generate()
    with postgres.connect() as owner:
        owner.execute(
            "UPDATE sandboxes SET public_key = %s WHERE user_id = %s", (bytes(key.public_key).hex(), ada.user_id)
        )
    return key


CONNECTION = {"connector": "hubspot", "title": "Our CRM", "credential": {"secret": SECRET}}


async def test_a_credential_is_sealed_to_the_sandbox_and_readable_by_nobody_else(
    ada: Person, sandbox: PrivateKey, postgres: Postgres
) -> None:
    told = await ada.post("/connections", CONNECTION, status=201)
    assert (told["state"], told["base_url"]) == ("checking", "https://api.hubapi.com")
    with postgres.connect() as owner:
        sealed = owner.execute("SELECT sealed FROM credential_attempts").fetchone()
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        dump = "".join(str(owner.execute(f"SELECT * FROM {name}").fetchall()) for (name,) in tables)
    assert sealed is not None
    assert open_sealed(sandbox, sealed[0]).secret == SECRET
    assert SECRET not in dump
    assert SECRET.encode().hex() not in dump
    assert SECRET not in str(told)
    assert [item["id"] for item in await ada.get("/connections")] == [told["id"]]
    assert (await ada.get("/activity"))["items"][0]["kind"] == "connection_added"


@pytest.mark.parametrize(
    ("connector", "base_url", "scheme", "username"),
    [
        ("apollo", "", "header", ""),
        ("webhook", "https://example.com/in/coco", "signature", ""),
        ("salesforce", "https://acme.my.salesforce.com", "bearer", ""),
        ("imap", "imaps://mail.example.com:993", "password", "ada@example.com"),
        ("zoominfo", "https://api.zoominfo.com", "password", "ada@example.com"),
        ("zoominfo", "https://api.zoominfo.com/eu", "bearer", ""),
    ],
)
async def test_each_provider_gets_a_credential_of_its_own_kind(
    ada: Person, sandbox: PrivateKey, postgres: Postgres, connector: str, base_url: str, scheme: str, username: str
) -> None:
    credential = {"secret": SECRET, "username": username}
    told = await ada.post(
        "/connections", {"connector": connector, "base_url": base_url, "credential": credential}, status=201
    )
    assert told["base_url"] == (base_url or "https://api.apollo.io/api/v1")
    with postgres.connect() as owner:
        sealed = owner.execute("SELECT sealed FROM credential_attempts").fetchone()
    assert sealed is not None
    opened = open_sealed(sandbox, sealed[0])
    assert (opened.scheme, opened.secret, opened.username) == (scheme, SECRET, username)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"connector": "salesforce"}, "base_url"),
        ({"connector": "webhook", "base_url": "https://example.com/in?token=x"}, "base_url"),
        ({"connector": "webhook", "base_url": "https://example.com/in", "credential": {"secret": "short"}}, "signing"),
        ({"connector": "imap", "base_url": "imaps://mail.example.com:993"}, "username"),
        ({"connector": "imap", "base_url": "https://mail.example.com"}, "base_url"),
    ],
)
async def test_what_a_provider_needs_besides_is_said(
    ada: Person, sandbox: PrivateKey, changed: dict[str, Any], why: str
) -> None:
    response = await ada.call("POST", "/connections", json=CONNECTION | changed)
    assert response.status_code in {400, 422}
    assert why in response.text


async def test_before_the_first_sandbox_has_started_it_is_asked_for(ada: Person, postgres: Postgres) -> None:
    with postgres.connect() as owner:
        owner.execute("UPDATE sandboxes SET state = 'stopped'")
    response = await ada.call("POST", "/connections", json=CONNECTION)
    assert (response.status_code, code(response)) == (503, "unavailable")
    with postgres.connect() as owner:
        assert owner.execute("SELECT state FROM sandboxes").fetchone() == ("wanted",)
    assert await ada.get("/connections") == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"connector": "fax"}, "connector"),
        ({"base_url": "ftp://x.example"}, "base_url"),
        ({"base_url": "https://user:pw@x.example"}, "base_url"),
        ({"base_url": "https://x.example/?q=1"}, "base_url"),
        ({"base_url": "https://x.example#f"}, "base_url"),
        ({"base_url": "https://x.example:99999"}, "base_url"),
        ({"base_url": "https://x exa mple"}, "base_url"),
        ({"base_url": "smtp://x.example:25"}, "base_url"),
        ({"title": "two\nlines"}, "title"),
        ({"credential": {"secret": "a\r\nx-evil: 1"}}, "credential"),
        ({"credential": {"secret": ""}}, "secret"),
        ({"credential": {"secret": "x" * 9000}}, "secret"),
        ({"settings": {"x": "y" * 20_000}}, "settings"),
        ({"connector": "smtp", "base_url": "smtp://x.example"}, "base_url"),
        ({"connector": "smtp", "base_url": "smtp://x.example:25", "settings": {}}, "from_address"),
        (
            {"connector": "smtp", "base_url": "smtp://x.example:25", "settings": {"from_address": "a@example.com"}},
            "username",
        ),
    ],
)
async def test_a_connection_that_cannot_be_names_its_field(
    ada: Person, sandbox: PrivateKey, changed: dict[str, object], field: str
) -> None:
    response = await ada.call("POST", "/connections", json=CONNECTION | changed)
    assert (response.status_code, code(response)) == (422, "invalid"), response.text
    assert field in response.json()["error"]["message"]
    assert SECRET not in response.text


async def test_a_connection_is_made_read_only_and_revoked_for_good(
    ada: Person, sandbox: PrivateKey, postgres: Postgres
) -> None:
    made = await ada.post("/connections", CONNECTION | {"read_only": True}, status=201)
    path = f"/connections/{made['id']}/state"
    assert made["state"] == "checking"
    early = await ada.call("POST", path, json={"state": "active"})
    assert (early.status_code, code(early)) == (409, "conflict")
    await accept(postgres, ada.user_id, made["id"])
    assert (await ada.get(f"/connections/{made['id']}"))["state"] == "read_only"
    assert (await ada.post(path, {"state": "active"}))["state"] == "active"
    assert (await ada.post(path, {"state": "revoked"}))["state"] == "revoked"
    assert (await ada.post(path, {"state": "revoked"}))["state"] == "revoked"
    back = await ada.call("POST", path, json={"state": "active"})
    assert (back.status_code, code(back)) == (409, "conflict")
    forged = await ada.call("POST", path, json={"state": "needs_reconnection"})
    assert forged.status_code == 422
    with postgres.connect() as owner:
        assert owner.execute("SELECT count(*) FROM sealed_credentials").fetchone() == (0,)


async def test_a_workflow_is_set_up_from_a_playbook_and_its_schema(ada: Person, sandbox: PrivateKey) -> None:
    crm = await ada.post("/connections", CONNECTION, status=201)
    books = {item["name"]: item for item in await ada.get("/playbooks")}
    assert books["enrich_tagged_contacts"]["params"]["required"] == ["tag"]
    body = {
        "playbook": "enrich_tagged_contacts",
        "params": {"tag": "design partner candidate", "limit": 5},
        "connections": [crm["id"]],
    }
    made = await ada.post("/workflows", body, status=201)
    assert made["trust_level"] == "approve_each"
    assert made["params"]["limit"] == 5
    for changed, field in (
        ({"playbook": "world_peace"}, "playbook"),
        ({"params": {}}, "tag"),
        ({"params": {"tag": "x", "limit": 0}}, "limit"),
        ({"params": {"tag": "x", "more": 1}}, "more"),
        ({"connections": []}, "HubSpot"),
        ({"connections": [crm["id"], crm["id"]]}, "connections"),
        ({"title": "x" * 201}, "title"),
        ({"trust_level": "autonomous"}, "trust_level"),
    ):
        response = await ada.call("POST", "/workflows", json=body | changed)
        assert (response.status_code, code(response)) == (422, "invalid"), changed
        assert field in response.json()["error"]["message"]
    missing = await ada.call("POST", "/workflows", json=body | {"connections": [str(uuid4())]})
    assert missing.status_code == 404
    await ada.post(f"/connections/{crm['id']}/state", {"state": "revoked"})
    gone = await ada.call("POST", "/workflows", json=body)
    assert (gone.status_code, code(gone)) == (422, "invalid")
