"""Cross-site requests: a form counts only from our own page, of this sign-in."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI

from api.public.parts import Parts
from tests.api.cards import Card, make_card
from tests.api.pages import browser, visit
from tests.api.people import BASE, PASSWORD, Person
from tests.conftest import Postgres


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id)


async def test_a_form_from_another_site_changes_nothing(
    ada: Person, eve: Person, card: Card, app: FastAPI, parts: Parts
) -> None:
    path, form = f"/actions/{card.action.id}/decide", {"verdict": "approve", "digest": card.action.digest}
    async with visit(app, parts, ada.email) as visitor, visit(app, parts, eve.email) as other:
        good, hers = await visitor.csrf(), await other.csrf()
        tries = [
            (good, "http://evil.example"),
            (good, "null"),
            (good, BASE + ".evil.example"),
            (good, BASE.replace("http", "https")),
            (good, None),
            ("", BASE),
            ("x", BASE),
            (hers, BASE),
        ]
        for csrf, origin in tries:
            headers = {} if origin is None else {"origin": origin}
            response = await visitor.client.post(path, data={"csrf": csrf} | form, headers=headers)
            assert response.status_code == 403, (csrf, origin)
            assert "Nothing was changed" in response.text
        without = await visitor.client.post(path, data=form, headers={"origin": BASE})
        assert without.status_code == 403
        assert (await ada.get(f"/actions/{card.action.id}"))["state"] == "pending"
        assert (await visitor.post(path, form)).status_code == 303
    assert (await ada.get(f"/actions/{card.action.id}"))["state"] == "approved"


async def test_a_bearer_token_signs_no_page_in_and_a_cookie_no_rest_call(
    ada: Person, app: FastAPI, parts: Parts
) -> None:
    async with browser(app, parts) as client:
        page = await client.get("/", headers={"authorization": f"Bearer {ada.token}"})
        assert page.status_code == 303
    async with visit(app, parts, ada.email) as visitor:
        rest = await visitor.client.get("/api/v1/auth/me")
        assert rest.status_code == 401


async def test_signing_in_needs_our_own_form_too(ada: Person, app: FastAPI, parts: Parts) -> None:
    form = {"email": ada.email, "password": PASSWORD, "next": "/"}
    async with browser(app, parts) as client:
        token = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/login")).text)
        assert token is not None
        for data, headers in (
            (form, {"origin": BASE}),
            (form | {"csrf": token[1]}, {"origin": "http://evil.example"}),
            (form | {"csrf": token[1]}, {}),
        ):
            assert (await client.post("/login", data=data, headers=headers)).status_code == 403
        client.cookies.clear()
        stale = await client.post("/login", data=form | {"csrf": token[1]}, headers={"origin": BASE})
        assert stale.status_code == 403


async def test_cookies_are_out_of_reach_of_scripts_and_of_other_sites(ada: Person, app: FastAPI, parts: Parts) -> None:
    async with visit(app, parts, ada.email) as visitor:
        csrf = await visitor.csrf("/")
        response = await visitor.client.post(
            "/session/refresh", data={"csrf": csrf, "next": "/"}, headers={"origin": BASE}
        )
        set_cookies = response.headers.get_list("set-cookie")
        assert len(set_cookies) == 3
        for line in set_cookies[:2]:
            assert "httponly" in line.lower()
            assert "samesite=strict" in line.lower()
        assert "path=/session" in next(line for line in set_cookies if line.startswith("coco_refresh")).lower()


async def test_behind_https_cookies_are_secure_and_pinned_to_the_host(ada: Person, postgres: Postgres) -> None:
    import httpx

    from api.passwords import Passwords
    from api.public.app import create_app, make_parts
    from api.shell import Shell
    from coco.settings import Settings
    from store.roles import Role
    from tests.api.serving import QUICK

    origin = "https://coco.example.com"
    made = make_parts(Settings(public_url=origin), postgres.database(Role.API), postgres.master, Passwords(QUICK))
    transport = httpx.ASGITransport(Shell(create_app(made), made.origins), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=origin) as client:
        page = await client.get("/login")
        assert page.headers["strict-transport-security"]
        token = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert token is not None
        form = {"email": ada.email, "password": PASSWORD, "next": "/", "csrf": token[1]}
        response = await client.post("/login", data=form, headers={"origin": origin})
        cookies = response.headers.get_list("set-cookie")
    assert response.status_code == 303
    for name in ("__Host-coco_access=", "__Secure-coco_refresh="):
        line = next(item for item in cookies if item.startswith(name))
        assert "secure" in line.lower()
    assert not [item for item in cookies if "domain=" in item.lower()]


@pytest.mark.parametrize(
    "target",
    ["http://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/session/sign-out", "a\nb"],
)
async def test_signing_in_leads_to_our_own_pages_only(ada: Person, app: FastAPI, parts: Parts, target: str) -> None:
    async with browser(app, parts) as client:
        token = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/login")).text)
        assert token is not None
        form = {"email": ada.email, "password": PASSWORD, "next": target, "csrf": token[1]}
        response = await client.post("/login", data=form, headers={"origin": BASE})
    assert (response.status_code, response.headers["location"]) == (303, "/")


async def test_an_expired_access_token_is_renewed_by_a_form_not_by_the_visit(
    ada: Person, app: FastAPI, parts: Parts, postgres: Postgres
) -> None:
    async with visit(app, parts, ada.email) as visitor:
        visitor.client.cookies.set("coco_access", "expired", domain="coco.test", path="/")
        response = await visitor.client.get("/runs?cursor=")
        assert response.status_code == 303
        assert response.headers["location"] == "/session/resume?next=/runs%3Fcursor%3D"
        page = await visitor.get(response.headers["location"])
        token = re.search(r'name="csrf" value="([^"]+)"', page)
        assert token is not None
        renewed = await visitor.client.post(
            "/session/refresh", data={"csrf": token[1], "next": "/runs"}, headers={"origin": BASE}
        )
        assert (renewed.status_code, renewed.headers["location"]) == (303, "/runs")
        await visitor.get("/runs")


async def test_signing_out_by_the_page_ends_the_session(ada: Person, app: FastAPI, parts: Parts) -> None:
    async with visit(app, parts, ada.email) as visitor:
        kept = visitor.client.cookies.get("coco_access")
        response = await visitor.post("/session/sign-out", {})
        assert response.headers["location"] == "/login"
        assert visitor.client.cookies.get("coco_access") is None
        visitor.client.cookies.set("coco_access", kept or "", domain="coco.test", path="/")
        assert (await visitor.client.get("/")).status_code == 303
