"""The internal app: for operators, on a port of its own."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from api.internal.app import OPEN, create_internal_app
from api.operators import Operators
from api.origins import Origins
from api.passwords import Passwords
from api.shell import Shell
from coco.errors import NotFound
from store.accounts import make_operator
from store.roles import Role
from tests.api.cards import make_card
from tests.api.people import PASSWORD, Person, code
from tests.api.serving import QUICK
from tests.conftest import Postgres

HOST = "http://localhost:8701"


@pytest.fixture
def temporal_up() -> list[bool]:
    """One entry: whether Temporal answers."""
    return [True]


@pytest.fixture
def internal(postgres: Postgres, temporal_up: list[bool]) -> FastAPI:
    async def reachable() -> bool:
        return temporal_up[0]

    operators = Operators(postgres.database(Role.API), postgres.master, Passwords(QUICK))
    return create_internal_app(operators, postgres.database(Role.CONTROL), Origins(None, 8701), reachable)


@pytest.fixture
def inside(internal: FastAPI) -> httpx.AsyncClient:
    shell = Shell(internal, Origins(None, 8701), any_host=OPEN)
    return httpx.AsyncClient(transport=httpx.ASGITransport(shell, raise_app_exceptions=False), base_url=HOST)


def promote(postgres: Postgres, email: str) -> None:
    with postgres.connect() as owner:
        make_operator(owner, email)


async def token(inside: httpx.AsyncClient, email: str) -> str:
    response = await inside.post("/token", json={"email": email, "password": PASSWORD})
    assert response.status_code == 200, response.text
    return str(response.json()["access_token"])


async def test_health_needs_nothing_and_tells_one_word(inside: httpx.AsyncClient, temporal_up: list[bool]) -> None:
    assert (await inside.get("/health")).json() == {"status": "ok"}
    assert (await inside.get("/health", headers={"host": "10.0.0.7:8701"})).status_code == 200
    assert (await inside.get("/ready")).json() == {"status": "ready"}
    temporal_up[0] = False
    down = await inside.get("/ready")
    assert (down.status_code, down.json()) == (503, {"status": "not ready"})


async def test_the_rest_is_for_operators(inside: httpx.AsyncClient, ada: Person, postgres: Postgres) -> None:
    # A person who is none is told the same as a stranger, and a token of the public app opens nothing here.
    refused = await inside.post("/token", json={"email": ada.email, "password": PASSWORD})
    assert (refused.status_code, code(refused)) == (401, "unauthenticated")
    for path in ("/status", "/metrics"):
        for headers in ({}, {"authorization": f"Bearer {ada.token}"}, {"cookie": f"coco_operator={ada.token}"}):
            response = await inside.get(path, headers=headers)
            assert (response.status_code, code(response)) == (401, "unauthenticated")
    assert (await inside.get("/")).status_code == 401
    promote(postgres, ada.email)
    card = await make_card(postgres, ada.user_id)
    bearer = {"authorization": f"Bearer {await token(inside, ada.email)}"}
    status = (await inside.get("/status", headers=bearer)).json()
    assert status["backlog"]["undelivered"] == 1
    assert [item["user_id"] for item in status["sandboxes"]] == [str(ada.user_id)]
    metrics = (await inside.get("/metrics", headers=bearer)).text
    assert "coco_wakeups_undelivered 1\n" in metrics
    assert 'coco_sandboxes{state="wanted"} 1\n' in metrics
    assert str(card.run_id) not in metrics
    # The operator's token opens nothing on the public app.
    assert (await ada.call("GET", "/auth/me", token=bearer["authorization"][7:])).status_code == 401


async def test_being_an_operator_ends_at_once_when_taken_away(
    inside: httpx.AsyncClient, ada: Person, postgres: Postgres
) -> None:
    promote(postgres, ada.email)
    bearer = {"authorization": f"Bearer {await token(inside, ada.email)}"}
    assert (await inside.get("/status", headers=bearer)).status_code == 200
    with postgres.connect() as owner:
        owner.execute("UPDATE users SET is_operator = false")
    assert (await inside.get("/status", headers=bearer)).status_code == 401


async def test_an_operator_signs_in_and_out_by_page(inside: httpx.AsyncClient, ada: Person, postgres: Postgres) -> None:
    promote(postgres, ada.email)
    form = {"email": ada.email, "password": PASSWORD}
    foreign = await inside.post("/login", data=form, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403
    response = await inside.post("/login", data=form, headers={"origin": HOST})
    assert response.status_code == 303
    assert "samesite=strict" in response.headers["set-cookie"].lower()
    page = await inside.get("/")
    assert page.status_code == 200
    assert "Outbox: 0 owed" in page.text
    assert (await inside.post("/logout", headers={"origin": HOST})).status_code == 303
    assert (await inside.get("/")).status_code == 401


async def test_no_process_of_cocos_makes_an_operator(ada: Person, postgres: Postgres) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import ProgrammingError

    for role in Role:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with postgres.database(role).user(ada.user_id) as session:
                await session.execute(text("UPDATE users SET is_operator = true"))
    with postgres.connect() as owner, pytest.raises(NotFound):
        make_operator(owner, "nobody@example.com")
