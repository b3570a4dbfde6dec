"""Connecting accounts over REST and by the pages: scopes in plain words, keys that are checked first, signing in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from nacl.public import PrivateKey

from activities.connectors.granted import agreed, minimum, plainly
from activities.connectors.registry import connector
from api.public.oauth import challenge
from api.public.parts import Parts
from coco.sealing import open_sealed
from store import revoking
from store.tables import OAuthFlow
from tests.api.pages import visit
from tests.api.people import Person, code
from tests.api.test_setting_up import CONNECTION, SECRET, sandbox
from tests.conftest import Postgres
from tests.connecting import accept, every_scope, turn_down, waiting_attempt
from workers.reminders import remind

__all__ = ["sandbox"]

READS = minimum(connector("hubspot"))


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """This deployment has a client at HubSpot. The API is given no secret."""
    monkeypatch.setenv("COCO_OAUTH_HUBSPOT_CLIENT_ID", "the-client")


async def test_scopes_are_told_in_plain_words_and_the_minimum_is_chosen(ada: Person, sandbox: PrivateKey) -> None:
    kinds = {item["name"]: item for item in await ada.get("/connectors")}
    scopes = {item["name"]: item for item in kinds["hubspot"]["scopes"]}
    assert scopes["crm.objects.contacts.write"]["allows"].startswith("Create, change and archive your contacts")
    assert [name for name, item in scopes.items() if item["preselected"]] == READS
    assert [name for name, item in scopes.items() if item["needed"]] == ["crm.objects.contacts.read"]
    for kind in kinds.values():
        assert not [item for item in kind["scopes"] if item["preselected"] and item["access"] == "write"]
    made = await ada.post("/connections", CONNECTION, status=201)
    assert made["scopes"] == READS


async def _breaks(postgres: Postgres, person: Person, connection_id: str) -> None:
    """The provider does not accept its key any more, as the gateway finds."""
    async with postgres.gateway.user(person.user_id) as session:
        await revoking.credential_refused(session, person.user_id, UUID(connection_id), status=401)


async def test_a_connection_that_only_reads_still_only_reads_once_it_is_connected_again(
    ada: Person, sandbox: PrivateKey, postgres: Postgres
) -> None:
    """However it became so: its owner's last word on it holds until they say another."""
    key = {"credential": {"secret": SECRET}}
    made = await ada.post("/connections", CONNECTION | {"read_only": True}, status=201)
    path = f"/connections/{made['id']}"
    await turn_down(postgres, ada.user_id, made["id"], "A typing mistake.")
    await ada.post(f"{path}/credential", key)
    await accept(postgres, ada.user_id, made["id"])
    assert (await ada.get(path))["state"] == "read_only"

    await ada.post(f"{path}/state", {"state": "active"})
    await _breaks(postgres, ada, made["id"])
    await ada.post(f"{path}/credential", key)
    await accept(postgres, ada.user_id, made["id"])
    assert (await ada.get(path))["state"] == "active"

    await ada.post(f"{path}/state", {"state": "read_only"})
    await _breaks(postgres, ada, made["id"])
    await ada.post(f"{path}/credential", key)
    await accept(postgres, ada.user_id, made["id"])
    assert (await ada.get(path))["state"] == "read_only"


async def test_what_is_made_read_only_while_a_key_is_checked_stays_so(
    ada: Person, sandbox: PrivateKey, postgres: Postgres
) -> None:
    made = await ada.post("/connections", CONNECTION, status=201)
    path = f"/connections/{made['id']}"
    await accept(postgres, ada.user_id, made["id"])
    await ada.post(f"{path}/credential", {"credential": {"secret": SECRET}})
    await ada.post(f"{path}/state", {"state": "read_only"})
    await _breaks(postgres, ada, made["id"])
    with postgres.connect() as owner:
        owner.execute("UPDATE credential_attempts SET created_at = now() WHERE state = 'pending'")
    await accept(postgres, ada.user_id, made["id"])
    assert (await ada.get(path))["state"] == "read_only"


@pytest.mark.parametrize(
    ("scopes", "why"),
    [
        (["crm.objects.everything"], "has no 'crm.objects.everything'"),
        (["crm.objects.deals.read"], "read your contacts"),
        ([], "read your contacts"),
    ],
)
async def test_scopes_that_cannot_be_are_refused(ada: Person, sandbox: PrivateKey, scopes: list[str], why: str) -> None:
    response = await ada.call("POST", "/connections", json=CONNECTION | {"scopes": scopes})
    assert (response.status_code, code(response)) == (422, "invalid")
    assert why in response.json()["error"]["message"]


async def test_a_key_is_kept_once_it_was_accepted(ada: Person, sandbox: PrivateKey, postgres: Postgres) -> None:
    made = await ada.post("/connections", CONNECTION | {"scopes": every_scope("hubspot")}, status=201)
    assert (made["state"], made["check"]["state"], made["credential_set_at"]) == ("checking", "pending", None)
    await accept(postgres, ada.user_id, made["id"])
    told = await ada.get(f"/connections/{made['id']}")
    assert (told["state"], told["check"]["state"], told["credential_age_days"]) == ("active", "works", 0)
    assert told["scopes"] == every_scope("hubspot")


async def test_a_key_that_was_refused_says_why_and_another_one_mends_it(
    ada: Person, sandbox: PrivateKey, postgres: Postgres
) -> None:
    made = await ada.post("/connections", CONNECTION, status=201)
    await turn_down(postgres, ada.user_id, made["id"], "HubSpot did not accept it.")
    told = await ada.get(f"/connections/{made['id']}")
    assert (told["state"], told["reason"]) == ("needs_reconnection", "HubSpot did not accept it.")
    with postgres.connect() as owner:
        assert owner.execute("SELECT count(sealed) FROM credential_attempts").fetchone() == (0,)
    told = await ada.post(f"/connections/{made['id']}/credential", {"credential": {"secret": "a-better-key"}})
    assert told["check"]["state"] == "pending"
    await accept(postgres, ada.user_id, made["id"])
    told = await ada.get(f"/connections/{made['id']}")
    assert (told["state"], told["reason"]) == ("active", "")


async def test_another_key_leaves_the_one_in_use_until_it_is_accepted(
    ada: Person, sandbox: PrivateKey, postgres: Postgres
) -> None:
    made = await ada.post("/connections", CONNECTION, status=201)
    await accept(postgres, ada.user_id, made["id"])
    path = f"/connections/{made['id']}/credential"
    told = await ada.post(path, {"credential": {"secret": "the-next-key"}, "scopes": every_scope("hubspot")})
    assert (told["state"], told["check"]["state"], told["scopes"]) == ("active", "pending", READS)
    with postgres.connect() as owner:
        row = owner.execute("SELECT sealed FROM sealed_credentials").fetchone()
    assert row is not None
    assert open_sealed(sandbox, row[0]).secret == SECRET
    await accept(postgres, ada.user_id, made["id"])
    assert (await ada.get(f"/connections/{made['id']}"))["scopes"] == every_scope("hubspot")
    with postgres.connect() as owner:
        rows = owner.execute("SELECT sealed FROM sealed_credentials").fetchall()
    assert [open_sealed(sandbox, row[0]).secret for row in rows] == ["the-next-key"]


@pytest.mark.parametrize(
    "secret",
    ["p ä ss wörd ✓", "  spaces around  ", "\"quotes\" 'and' `more` \\ $x %s", "漢字🔑", "x" * 8192, "{{ x }}<b>&amp;"],
)
async def test_a_password_goes_to_the_sandbox_exactly_as_it_was_typed(
    ada: Person, sandbox: PrivateKey, postgres: Postgres, app: FastAPI, parts: Parts, secret: str
) -> None:
    mail = {
        "connector": "smtp",
        "base_url": "smtp://127.0.0.1:2525",
        "settings": {"from_address": "ada@example.com"},
        "credential": {"secret": secret, "username": " üser "},
    }
    made = await ada.post("/connections", mail, status=201)
    attempt = await waiting_attempt(postgres, ada.user_id, made["id"])
    assert attempt.sealed is not None
    assert (open_sealed(sandbox, attempt.sealed).secret, open_sealed(sandbox, attempt.sealed).username) == (
        secret,
        " üser ",
    )
    async with visit(app, parts, ada.email) as visitor:
        form: dict[str, Any] = {
            "connector": "smtp",
            "title": "Mail",
            "base_url": "smtp://127.0.0.1:2525",
            "from_address": "ada@example.com",
            "secret": secret,
            "username": "ada",
        }
        response = await visitor.post("/connections/new", form)
    assert response.status_code == 303, response.text
    connection_id = response.headers["location"].partition("#connection-")[2]
    attempt = await waiting_attempt(postgres, ada.user_id, connection_id)
    assert attempt.sealed is not None
    assert open_sealed(sandbox, attempt.sealed).secret == secret


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("two\nlines", "line break"),
        ("a\ttab", "line break, a tab"),
        ("nul\0", "control character"),
        ("one two three", "a space"),
        (" around", "a space"),
        ("schlüssel", "not ASCII"),
        ("half\ud800", ""),
        ("x" * 8193, ""),
    ],
)
async def test_a_key_that_no_header_carries_is_refused_clearly(
    ada: Person, sandbox: PrivateKey, postgres: Postgres, secret: str, why: str
) -> None:
    import json

    # As raw JSON, so that half a character gets as far as it can.
    body = json.dumps(CONNECTION | {"credential": {"secret": secret}})
    response = await ada.call("POST", "/connections", content=body, headers={"content-type": "application/json"})
    assert (response.status_code, code(response)) == (422, "invalid")
    assert why in response.json()["error"]["message"]
    assert secret.strip() not in response.text
    assert await ada.get("/connections") == []


async def test_a_user_name_is_asked_for_where_one_may_go_with_the_key(ada: Person) -> None:
    told = {kind["name"]: kind["username"] for kind in await ada.get("/connectors")}
    assert {name for name, asked in told.items() if asked == "needed"} == {"imap", "smtp"}
    assert {name for name, asked in told.items() if asked == "optional"} == {"zoominfo"}


async def test_a_password_that_tokens_are_got_with_has_its_own_bounds(ada: Person, sandbox: PrivateKey) -> None:
    body = {"connector": "zoominfo", "credential": {"username": "ada", "secret": "p" * 4097}}
    response = await ada.call("POST", "/connections", json=body)
    assert (response.status_code, code(response)) == (422, "invalid")
    assert "4096" in response.json()["error"]["message"]
    body["credential"] = {"username": "ada", "secret": "two words, and a ü"}
    assert (await ada.call("POST", "/connections", json=body)).status_code == 201
    body["credential"] = {"username": "", "secret": "two words"}
    assert (await ada.call("POST", "/connections", json=body)).status_code == 422


async def test_a_team_is_named_and_brings_no_key(ada: Person, postgres: Postgres) -> None:
    body = {"connector": "hubspot", "team": "Sales"}
    made = await ada.post("/connections", body, status=201)
    assert (made["state"], made["method"], made["team"]) == ("checking", "team", "sales")
    attempt = await waiting_attempt(postgres, ada.user_id, made["id"])
    assert (attempt.kind, attempt.sealed) == ("team", None)
    await turn_down(postgres, ada.user_id, made["id"])
    again = await ada.post(f"/connections/{made['id']}/credential", {})
    assert again["check"]["state"] == "pending"
    assert (await waiting_attempt(postgres, ada.user_id, made["id"])).kind == "team"
    keyed = await ada.call("POST", f"/connections/{made['id']}/credential", json={"credential": {"secret": "x"}})
    assert (keyed.status_code, code(keyed)) == (409, "conflict")
    both = await ada.call("POST", "/connections", json=CONNECTION | {"team": "sales"})
    neither = await ada.call("POST", "/connections", json={"connector": "hubspot"})
    odd = await ada.call("POST", "/connections", json=body | {"team": "a_b"})
    assert [response.status_code for response in (both, neither, odd)] == [422, 422, 422]


# -- signing in ----------------------------------------------------------------------------------------------------


async def test_signing_in_asks_for_what_was_ticked_with_a_challenge(
    ada: Person, sandbox: PrivateKey, postgres: Postgres, parts: Parts, operator: None
) -> None:
    body = {"connector": "hubspot", "scopes": every_scope("hubspot")}
    begun = await ada.post("/oauth", body, status=201)
    address = urlsplit(begun["authorize_url"])
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://app.hubspot.com/oauth/authorize"
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert query["client_id"] == "the-client"
    assert query["redirect_uri"] == "http://coco.test/connections/oauth/callback"
    assert query["scope"].split() == every_scope("hubspot")
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    async with postgres.api.user(ada.user_id) as session:
        from sqlalchemy import select

        [flow] = (await session.execute(select(OAuthFlow))).scalars()
    assert query["code_challenge"] == challenge(parts.master.unwrap(flow.verifier).decode())
    assert query["state"] not in str(flow.model_dump())
    assert flow.session_id == ada.session_id


async def test_where_a_provider_has_one_permission_for_both_it_is_asked_for_by_its_own_name(
    ada: Person, sandbox: PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCO_OAUTH_SALESFORCE_CLIENT_ID", "the-client")
    body = {"connector": "salesforce", "base_url": "https://acme.example", "scopes": every_scope("salesforce")}
    begun = await ada.post("/oauth", body, status=201)
    assert parse_qs(urlsplit(begun["authorize_url"]).query)["scope"] == ["api refresh_token"]


def test_of_one_permission_for_both_only_what_was_ticked_is_granted() -> None:
    salesforce = connector("salesforce")
    assert agreed(salesforce, ["records.read"], ("api", "refresh_token")) == ["records.read"]
    assert agreed(salesforce, every_scope("salesforce"), ("refresh_token",)) == []
    assert agreed(salesforce, ["records.read"], None) == ["records.read"]


def test_the_challenge_is_rfc_7636s() -> None:
    """Appendix B of the RFC."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_without_a_client_there_is_no_signing_in(ada: Person, sandbox: PrivateKey) -> None:
    assert {item["name"]: item["oauth"] for item in await ada.get("/connectors")}["hubspot"] is False
    response = await ada.call("POST", "/oauth", json={"connector": "hubspot"})
    assert (response.status_code, code(response)) == (422, "invalid")


async def test_a_sign_in_that_took_too_long_connects_nothing(
    ada: Person, sandbox: PrivateKey, postgres: Postgres, operator: None
) -> None:
    begun = await ada.post("/oauth", {"connector": "hubspot"}, status=201)
    state = parse_qs(urlsplit(begun["authorize_url"]).query)["state"][0]
    with postgres.connect() as owner:
        owner.execute("UPDATE oauth_flows SET expires_at = now() - interval '1 second'")
    response = await ada.call("POST", "/oauth/finish", json={"code": "c", "state": state})
    assert (response.status_code, code(response)) == (403, "forbidden")
    assert await ada.get("/connections") == []


async def test_the_way_there_and_back_in_a_browser(
    ada: Person, sandbox: PrivateKey, app: FastAPI, parts: Parts, client: httpx.AsyncClient, operator: None
) -> None:
    async with visit(app, parts, ada.email) as visitor:
        text = await visitor.get("/connections/new?connector=hubspot")
        assert "Read your contacts" in text
        assert "Sign in at HubSpot instead" in text
        form: dict[str, Any] = {"connector": "hubspot", "title": "CRM", "by": "sign_in", "scope": READS}
        leaving = await visitor.post("/connections/new", form)
        assert leaving.status_code == 200
        assert f"Coco asks HubSpot for leave to {plainly(connector('hubspot'), READS)}." in leaving.text
        link = leaving.text.partition('href="https://app.hubspot.com')[2].partition('"')[0].replace("&amp;", "&")
        state = parse_qs(urlsplit(link).query)["state"][0]
        # From another site, so without our cookies: the page that receives it only leads on.
        back = await client.get(f"/connections/oauth/callback?code=the-code&state={state}")
        assert back.status_code == 200
        onward = back.text.partition('content="0; url=')[2].partition('"')[0].replace("&amp;", "&")
        assert onward == f"/connections/oauth/finish?code=the-code&state={state}"
        text = await visitor.get(onward)
        assert "Finish connecting" in text
        assert "You signed in at HubSpot" in text
        done = await visitor.post("/connections/oauth/finish", {"code": "the-code", "state": state})
        assert done.status_code == 303
        text = await visitor.get("/connections")
        assert "Being checked" in text
        again = await visitor.post("/connections/oauth/finish", {"code": "the-code", "state": state})
        assert again.status_code == 403
        assert "begin again" in again.text
        denied = await visitor.get(f"/connections/oauth/finish?denied=true&state={state}")
        assert "Nothing was connected" in denied


async def test_what_a_provider_sends_back_is_shown_as_text(client: httpx.AsyncClient) -> None:
    evil = '"><script>alert(1)</script>'
    response = await client.get("/connections/oauth/callback", params={"code": evil, "state": evil, "error": evil})
    assert "<script>alert" not in response.text
    assert response.headers["referrer-policy"] == "same-origin"
    assert response.headers["cache-control"] == "no-store"


# -- pages, and keys that are old ----------------------------------------------------------------------------------


async def test_the_form_ticks_the_minimum_and_shows_a_refusal_in_place(
    ada: Person, sandbox: PrivateKey, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    async with visit(app, parts, ada.email) as visitor:
        text = await visitor.get("/connections/new?connector=hubspot")
        for scope in every_scope("hubspot"):
            field = text.partition(f'value="{scope}"')[2].partition(">")[0]
            assert ("checked" in field) == (scope in READS), scope
        form: dict[str, Any] = {"connector": "hubspot", "title": "CRM", "secret": "a b", "scope": READS[1:]}
        response = await visitor.post("/connections/new", form)
        assert response.status_code == 422
        assert "a space" in response.text
        assert "a b" not in response.text.partition('name="secret"')[2].partition(">")[0]
        response = await visitor.post("/connections/new", form | {"secret": SECRET})
        assert response.status_code == 303
        made = response.headers["location"].partition("#connection-")[2]
        await accept(postgres, ada.user_id, made)
        text = await visitor.get("/connections")
        assert "Read your contacts" in text
        assert "Change its key" in text
        text = await visitor.get(f"/connections/{made}/credential")
        assert "Another key for CRM" in text
        response = await visitor.post(f"/connections/{made}/credential", {"secret": "another-key", "scope": READS})
        assert response.status_code == 303
        text = await visitor.get(f"/connections/{made}/credential")
        assert "Another key is being checked" in text
        await turn_down(postgres, ada.user_id, made, "HubSpot did not accept it.")
        text = await visitor.get(f"/connections/{made}/credential")
        assert "The last key was not kept. HubSpot did not accept it." in text


async def test_an_old_key_is_told_of_once_a_quarter(
    ada: Person, sandbox: PrivateKey, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    made = await ada.post("/connections", CONNECTION, status=201)
    await accept(postgres, ada.user_id, made["id"])
    now = datetime.now(UTC)
    with postgres.connect() as owner:
        owner.execute("UPDATE connections SET credential_set_at = %s", (now - timedelta(days=91),))
    told = await ada.get(f"/connections/{made['id']}")
    assert (told["credential_age_days"], told["key_is_old"]) == (91, True)
    assert await remind(postgres.control, now) == 1
    assert await remind(postgres.control, now) == 0
    assert await remind(postgres.control, now + timedelta(days=89)) == 0
    assert await remind(postgres.control, now + timedelta(days=91)) == 1
    with postgres.connect() as owner:
        events = owner.execute("SELECT user_id, body FROM events WHERE kind = 'old_key'").fetchall()
    assert [row[0] for row in events] == [ada.user_id, ada.user_id]
    assert events[0][1]["title"] == "Our CRM"
    async with visit(app, parts, ada.email) as visitor:
        assert "is older than three months" in await visitor.get("/")
        assert "more than three months" in await visitor.get("/connections")
    await ada.post(f"/connections/{made['id']}/credential", {"credential": {"secret": "a-new-key"}})
    await accept(postgres, ada.user_id, made["id"])
    assert await remind(postgres.control, now + timedelta(days=85)) == 0
    async with visit(app, parts, ada.email) as visitor:
        assert "is older than three months" not in await visitor.get("/")
