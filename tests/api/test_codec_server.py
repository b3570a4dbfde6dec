"""The codec server: operators read histories, nobody else learns anything, and the owner can see that it was done."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from temporalio.api.common.v1 import Payload

from api.codec.app import create_codec_app
from api.operators import Operators
from api.origins import Origins
from api.passwords import Passwords
from api.shell import Shell
from coco import payloads
from coco.keys import UserKeys, new_user_key
from store import keys
from store.accounts import make_operator
from store.roles import Role
from tests.api.people import PASSWORD, Person, code, sign_up
from tests.api.serving import QUICK
from tests.conftest import Postgres

HOST = "http://localhost:8702"
UI = "http://localhost:8233"
SECRET = "a goal that only its owner should read"


@pytest.fixture
def codec(postgres: Postgres) -> httpx.AsyncClient:
    api, control = postgres.database(Role.API), postgres.database(Role.CONTROL)
    origins = Origins(None, 8702)
    operators = Operators(api, postgres.master, Passwords(QUICK))
    app = create_codec_app(operators, api, control, postgres.master, origins, [UI])
    transport = httpx.ASGITransport(Shell(app, origins), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=HOST)


@pytest.fixture
async def operator(client: httpx.AsyncClient, postgres: Postgres) -> Person:
    person = await sign_up(client, "op@example.com")
    with postgres.connect() as owner:
        make_operator(owner, person.email)
    return person


@pytest.fixture
async def bearer(codec: httpx.AsyncClient, operator: Person) -> dict[str, str]:
    response = await codec.post("/token", json={"email": operator.email, "password": PASSWORD})
    return {"authorization": f"Bearer {response.json()['access_token']}", "origin": UI, "x-namespace": "default"}


async def user_keys(postgres: Postgres, user_id: UUID) -> UserKeys:
    async with postgres.control.user(user_id) as session:
        return await keys.load(session, user_id, keys.PAYLOAD, postgres.master)


def as_json(metadata: dict[str, bytes], data: bytes) -> dict[str, Any]:
    return {
        "metadata": {name: base64.b64encode(value).decode() for name, value in metadata.items()},
        "data": base64.b64encode(data).decode(),
    }


def sealed(user_id: UUID, ring: UserKeys, text: str = SECRET) -> dict[str, Any]:
    """A payload as a history holds it."""
    inner = Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(text).encode())
    return as_json(*payloads.encrypt(user_id, inner.SerializeToString(), lambda _: ring))


def plain(item: dict[str, Any]) -> str:
    return base64.b64decode(item["data"]).decode()


async def test_an_operator_reads_a_payload_and_its_owner_sees_that(
    codec: httpx.AsyncClient, bearer: dict[str, str], ada: Person, operator: Person, postgres: Postgres
) -> None:
    ring = await user_keys(postgres, ada.user_id)
    untouched = as_json({"encoding": b"json/plain"}, b'"public"')
    body = {"payloads": [sealed(ada.user_id, ring), untouched, sealed(ada.user_id, ring, "two")]}
    response = await codec.post("/decode", json=body, headers=bearer)
    assert response.status_code == 200, response.text
    assert [plain(item) for item in response.json()["payloads"]] == [f'"{SECRET}"', '"public"', '"two"']
    assert response.headers["access-control-allow-origin"] == UI
    assert response.headers["access-control-allow-credentials"] == "true"
    entry = (await ada.get("/activity"))["items"][0]
    assert (entry["kind"], entry["actor"]) == ("history_read", f"operator:{operator.user_id}")
    assert entry["body"] == {"operator": str(operator.user_id), "payloads": 2, "namespace": "default"}


async def test_nobody_else_learns_anything_not_even_what_is_well_formed(
    codec: httpx.AsyncClient, ada: Person, postgres: Postgres
) -> None:
    ring = await user_keys(postgres, ada.user_id)
    bodies = [
        json.dumps({"payloads": [sealed(ada.user_id, ring)]}).encode(),
        json.dumps({"payloads": [as_json({"encoding": payloads.ENCODING}, b"x")]}).encode(),
        b"no json at all",
        b"",
    ]
    answers = set()
    for headers in ({}, {"authorization": f"Bearer {ada.token}"}, {"cookie": f"coco_operator={ada.token}"}):
        for path in ("/decode", "/encode"):
            for body in bodies:
                response = await codec.post(
                    path, content=body, headers={"content-type": "application/json", "origin": UI} | headers
                )
                assert (response.status_code, code(response)) == (401, "unauthenticated")
                answers.add(response.content)
    assert len(answers) == 1
    assert "history_read" not in {item["kind"] for item in (await ada.get("/activity"))["items"]}


async def test_what_cannot_be_opened_comes_back_as_it_was(
    codec: httpx.AsyncClient, bearer: dict[str, str], ada: Person, eve: Person, postgres: Postgres
) -> None:
    ring, other = await user_keys(postgres, ada.user_id), UserKeys({1: new_user_key()})
    altered = sealed(ada.user_id, ring)
    altered["data"] = base64.b64encode(base64.b64decode(altered["data"])[:-1] + b"\x00").decode()
    swapped = sealed(ada.user_id, ring)
    swapped["metadata"]["coco-user"] = base64.b64encode(str(eve.user_id).encode()).decode()
    tries = [
        altered,
        swapped,
        sealed(ada.user_id, other),
        sealed(uuid4(), ring),
        as_json({"encoding": payloads.ENCODING}, b"short"),
        as_json({"encoding": payloads.ENCODING, "coco-user": b"not an id"}, b"short"),
    ]
    response = await codec.post("/decode", json={"payloads": tries}, headers=bearer)
    assert response.status_code == 200
    assert response.json()["payloads"] == tries
    assert SECRET not in response.text


async def test_nothing_is_encoded_for_anybody(codec: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    body = {"payloads": [as_json({"encoding": b"json/plain"}, b'"x"')]}
    response = await codec.post("/encode", json=body, headers=bearer)
    assert (response.status_code, code(response)) == (403, "forbidden")


async def test_only_the_temporal_ui_may_use_an_operators_cookie(
    codec: httpx.AsyncClient, operator: Person, ada: Person, postgres: Postgres
) -> None:
    form = {"email": operator.email, "password": PASSWORD}
    assert (await codec.post("/login", data=form, headers={"origin": HOST})).status_code == 303
    body = {"payloads": [sealed(ada.user_id, await user_keys(postgres, ada.user_id))]}
    assert (await codec.post("/decode", json=body, headers={"origin": UI})).status_code == 200
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}):
        response = await codec.post("/decode", json=body, headers=headers)
        assert (response.status_code, code(response)) == (403, "forbidden")
        assert "access-control-allow-origin" not in response.headers
    simple = await codec.post("/decode", content=json.dumps(body), headers={"origin": UI, "content-type": "text/plain"})
    assert (simple.status_code, code(simple)) == (422, "invalid")
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-namespace"}
    assert (await codec.options("/decode", headers={"origin": UI} | asked)).status_code == 200
    stranger = await codec.options("/decode", headers={"origin": "http://evil.example"} | asked)
    assert "access-control-allow-origin" not in stranger.headers


async def test_malformed_bodies_are_refused(codec: httpx.AsyncClient, bearer: dict[str, str]) -> None:
    for body in (b"", b"[]", b"{", b'{"payloads": 1}', b'{"payloads": [1]}', b"\xff", b"[" * 10_000):
        response = await codec.post("/decode", content=body, headers=bearer | {"content-type": "application/json"})
        assert (response.status_code, code(response)) == (422, "invalid"), body[:40]
