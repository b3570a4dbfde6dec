"""Asking for one's account to be deleted: who may, what it takes, and that it holds from that moment on."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api.public.parts import Parts
from tests.api.cards import make_card
from tests.api.pages import visit
from tests.api.people import PASSWORD, Person, code, login
from tests.conftest import Postgres


def asked(postgres: Postgres) -> list[UUID]:
    with postgres.connect() as owner:
        return [row[0] for row in owner.execute("SELECT user_id FROM erasures").fetchall()]


GOOD = {"password": PASSWORD, "confirm": "ada@example.com"}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"password": "another password"}, 403),
        ({"confirm": "eve@example.com"}, 422),
        ({"confirm": ""}, 422),
        ({"unknown": 1}, 422),
    ],
)
async def test_it_takes_the_password_and_the_address(
    ada: Person, postgres: Postgres, change: dict[str, str], status: int
) -> None:
    answer = await ada.call("POST", "/account/delete", json=GOOD | change)
    assert answer.status_code == status, answer.text
    assert asked(postgres) == []
    assert (await ada.get("/auth/me"))["email"] == ada.email


async def test_guessing_the_password_is_throttled(ada: Person, postgres: Postgres) -> None:
    bad = GOOD | {"password": "a guess that is wrong"}
    answers = [(await ada.call("POST", "/account/delete", json=bad)).status_code for _ in range(12)]
    assert answers[:10] == [403] * 10
    assert answers[-1] == 429
    assert asked(postgres) == []


async def test_at_once_it_is_out_everywhere(
    ada: Person, eve: Person, client: httpx.AsyncClient, postgres: Postgres
) -> None:
    card = await make_card(postgres, ada.user_id)
    elsewhere = (await login(client, ada.email)).json()
    answer = await ada.call("POST", "/account/delete", json=GOOD)
    assert answer.status_code == 202
    assert answer.json()["state"] == "deleting"
    assert asked(postgres) == [ada.user_id]
    for token in (ada.token, elsewhere["access_token"]):
        assert (await ada.call("GET", "/auth/me", token=token)).status_code == 401
    for refresh in (ada.refresh, elsewhere["refresh_token"]):
        assert (await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh})).status_code == 401
    # No different from an address that has no account.
    answer = await login(client, ada.email)
    assert (answer.status_code, code(answer)) == (401, "unauthenticated")
    with postgres.connect() as owner:
        states = owner.execute("SELECT DISTINCT state FROM connections WHERE user_id = %s", (ada.user_id,)).fetchall()
        run = owner.execute("SELECT cancel_requested_at FROM runs WHERE id = %s", (card.run_id,)).fetchone()
        sandbox = owner.execute(
            "SELECT state, token_sha256 FROM sandboxes WHERE user_id = %s", (ada.user_id,)
        ).fetchone()
        kinds = owner.execute(
            "SELECT kind, actor FROM audit WHERE user_id = %s ORDER BY seq DESC LIMIT 1", (ada.user_id,)
        ).fetchone()
    assert states == [("revoked",)]
    assert run is not None
    assert run[0] is not None
    assert sandbox == ("stopped", None)
    assert kinds == ("account_deletion", f"user:{ada.user_id}")
    assert (await eve.get("/auth/me"))["email"] == eve.email


async def test_the_page_deletes_and_says_goodbye(ada: Person, postgres: Postgres, app: FastAPI, parts: Parts) -> None:
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.client.get("/account")
        assert "Delete the account" in page.text
        answer = await visitor.post("/account/delete", {"confirm": ada.email, "password": "wrong, this one"})
        assert answer.status_code == 403
        assert "nothing was deleted" in answer.text
        assert asked(postgres) == []
        answer = await visitor.post("/account/delete", {"confirm": ada.email, "password": PASSWORD})
        assert answer.status_code == 200
        assert "Goodbye" in answer.text
        assert asked(postgres) == [ada.user_id]
        assert (await visitor.client.get("/account")).status_code == 303
