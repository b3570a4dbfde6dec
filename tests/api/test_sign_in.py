"""Accounts and sign-in over REST: tokens, refresh, sign-out."""

from __future__ import annotations

import time
from uuid import uuid4

import httpx
import pytest
from jose import jwt

from api.public.parts import Parts
from api.tokens import OPERATOR, Tokens
from coco.keys import MasterKey
from tests.api.people import PASSWORD, Person, code, login, sign_up
from tests.conftest import Postgres


async def test_a_new_account_has_keys_credits_a_wanted_sandbox_and_a_chain(ada: Person, postgres: Postgres) -> None:
    with postgres.connect() as owner:
        hashed, operator = owner.execute("SELECT password_hash, is_operator FROM users").fetchone() or ("", True)
        purposes = owner.execute("SELECT purpose FROM user_keys ORDER BY purpose").fetchall()
        sandbox = owner.execute("SELECT state FROM sandboxes").fetchone()
        kinds = [row[0] for row in owner.execute("SELECT kind FROM audit ORDER BY seq").fetchall()]
        refresh = owner.execute("SELECT refresh_sha256 FROM sessions").fetchone()
    assert hashed.startswith("$argon2id$")
    assert operator is False
    assert purposes == [("keystore",), ("payload",)]
    assert sandbox == ("wanted",)
    assert kinds == ["sign_up", "sign_in"]
    assert refresh is not None
    assert refresh[0] not in ada.refresh
    assert (await ada.get("/credits")) == {"balance": 1000, "reserved": 0, "available": 1000}
    me = await ada.get("/auth/me")
    assert (me["email"], me["name"], me["is_operator"]) == ("ada@example.com", "Ada Lovelace", False)


async def test_one_address_has_one_account_whatever_its_case(ada: Person, client: httpx.AsyncClient) -> None:
    again = await client.post("/api/v1/auth/sign-up", json={"email": "ADA@example.com", "password": PASSWORD})
    assert (again.status_code, code(again)) == (409, "conflict")
    assert (await login(client, "Ada@Example.com")).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", "a@b\x00.example"),
        ("password", "short"),
        ("password", "x" * 201),
        ("name", "two\nlines"),
    ],
)
async def test_sign_up_names_the_field_that_is_wrong(client: httpx.AsyncClient, field: str, value: str) -> None:
    body = {"email": "new@example.com", "password": PASSWORD, "name": "New"} | {field: value}
    response = await client.post("/api/v1/auth/sign-up", json=body)
    assert (response.status_code, code(response)) == (422, "invalid")
    assert field in response.json()["error"]["message"]


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    ada: Person, client: httpx.AsyncClient, postgres: Postgres
) -> None:
    wrong = await login(client, ada.email, "not the password")
    unknown = await login(client, "nobody@example.com", "not the password")
    assert (wrong.status_code, wrong.json()) == (unknown.status_code, unknown.json())
    assert wrong.status_code == 401
    with postgres.connect() as owner:
        assert owner.execute("SELECT count(*) FROM audit WHERE kind = 'sign_in_failed'").fetchone() == (1,)


async def test_an_unknown_address_costs_a_hash_too(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    verified = parts.passwords._verified
    monkeypatch.setattr(
        parts.passwords, "_verified", lambda stored, given: seen.append(stored) or verified(stored, given)
    )
    assert not await parts.passwords.matches("whatever", None)
    assert len(seen) == 1
    assert seen[0].startswith("$argon2id$")


def _forged(ada: Person, parts: Parts) -> dict[str, str]:
    claims = jwt.get_unverified_claims(ada.token)
    other = Tokens(MasterKey(MasterKey.generate()), audience="coco-public", access_seconds=900)
    same_key = parts.tokens._access[0]

    def signed(**changed: object) -> str:
        body = {key: value for key, value in (claims | changed).items() if value is not None}
        return jwt.encode(body, same_key, algorithm="HS256")

    def unsigned(header: str) -> str:
        return f"{header}.{ada.token.split('.')[1]}."

    return {
        "nothing": "",
        "garbage": "garbage",
        "not even text": "é.é.é",
        "three dots": "...",
        "algorithm none": unsigned("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"),
        "another algorithm with our key": jwt.encode(claims, same_key, algorithm="HS512"),
        "another key": other.access(ada.user_id, ada.session_id),
        "another audience": Tokens(parts.master, audience=OPERATOR, access_seconds=900).access(
            ada.user_id, ada.session_id
        ),
        "our key for another audience": signed(aud="coco-operator"),
        "another issuer": signed(iss="somebody"),
        "no audience": signed(aud=None),
        "no expiry": signed(exp=None),
        "expired": parts.tokens.access(ada.user_id, ada.session_id, now=time.time() - 901),
        "no session": signed(sid=None),
        "a session that is none": signed(sid=str(uuid4())),
        "a user that is none": signed(sub=str(uuid4())),
        "a session that is no id": signed(sid="1"),
        "one letter changed": ada.token[:-2] + ("A" if ada.token[-2] != "A" else "B") + ada.token[-1],
        "a refresh token": ada.refresh,
        "very long": "a" * 100_000,
    }


async def test_only_a_token_of_this_audience_and_a_live_session_is_let_in(ada: Person, parts: Parts) -> None:
    for what, token in _forged(ada, parts).items():
        headers = {"authorization": f"Bearer {token}".encode()}
        response = await ada.client.get("/api/v1/auth/me", headers=headers)
        assert (response.status_code, code(response)) == (401, "unauthenticated"), what
        assert response.headers["www-authenticate"] == "Bearer"
    assert (await ada.get("/auth/me"))["email"] == ada.email


async def test_another_users_session_does_not_go_with_my_name(ada: Person, eve: Person, parts: Parts) -> None:
    for user, session in ((ada.user_id, eve.session_id), (eve.user_id, ada.session_id)):
        response = await ada.call("GET", "/auth/me", token=parts.tokens.access(user, session))
        assert response.status_code == 401


async def test_signing_out_ends_the_access_token_and_the_refresh_token_at_once(ada: Person) -> None:
    await ada.post("/auth/logout", status=204)
    assert (await ada.call("GET", "/auth/me")).status_code == 401
    refreshed = await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": ada.refresh})
    assert (refreshed.status_code, code(refreshed)) == (401, "unauthenticated")


async def test_signing_out_of_one_session_leaves_the_others(ada: Person, client: httpx.AsyncClient) -> None:
    other = (await login(client, ada.email)).json()
    await ada.post("/auth/logout", status=204)
    assert (await ada.call("GET", "/auth/me", token=other["access_token"])).status_code == 200


async def test_a_session_that_has_expired_is_no_session(ada: Person, postgres: Postgres) -> None:
    with postgres.connect() as owner:
        owner.execute("UPDATE sessions SET expires_at = now() - interval '1 second'")
    assert (await ada.call("GET", "/auth/me")).status_code == 401
    refreshed = await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": ada.refresh})
    assert refreshed.status_code == 401


async def test_refreshing_uses_the_token_up_and_keeps_the_session(ada: Person) -> None:
    first = (await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": ada.refresh})).json()
    second = (await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})).json()
    assert len({ada.refresh, first["refresh_token"], second["refresh_token"]}) == 3
    assert first["session_id"] == second["session_id"] == str(ada.session_id)
    assert (await ada.call("GET", "/auth/me", token=second["access_token"])).status_code == 200


@pytest.mark.parametrize("rotations", [1, 3])
async def test_a_refresh_token_used_twice_ends_the_session_however_old_it_is(ada: Person, rotations: int) -> None:
    current = {"refresh_token": ada.refresh, "access_token": ada.token}
    for _ in range(rotations):
        current = (
            await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": current["refresh_token"]})
        ).json()
    stolen = await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": ada.refresh})
    assert stolen.status_code == 401
    assert (await ada.call("GET", "/auth/me", token=current["access_token"])).status_code == 401
    again = await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": current["refresh_token"]})
    assert again.status_code == 401


async def test_a_made_up_refresh_token_ends_nothing(ada: Person, parts: Parts) -> None:
    elsewhere = Tokens(MasterKey(MasterKey.generate()), audience="coco-public", access_seconds=900)
    made_up, _ = elsewhere.refresh(ada.user_id, ada.session_id)
    for token in (made_up, "coco_r_", "coco_r_AAAA", "x", ada.refresh[:-3] + "AAA", "coco_r_é"):
        response = await ada.client.post("/api/v1/auth/refresh", json={"refresh_token": token})
        assert response.status_code == 401, token
    assert (await ada.get("/auth/me"))["email"] == ada.email


async def test_tokens_outlive_a_rotation_of_the_master_key(ada: Person, parts: Parts) -> None:
    rotated = Tokens(
        MasterKey(f"{MasterKey.generate()},{parts.master.text}"), audience="coco-public", access_seconds=900
    )
    assert rotated.verified(ada.token).user_id == ada.user_id
    assert rotated.parse_refresh(ada.refresh).session_id == ada.session_id


async def test_nobody_signs_up_as_an_operator(client: httpx.AsyncClient) -> None:
    body = {"email": "op@example.com", "password": PASSWORD, "is_operator": True}
    response = await client.post("/api/v1/auth/sign-up", json=body)
    assert (response.status_code, code(response)) == (422, "invalid")
    person = await sign_up(client, "op@example.com")
    assert (await person.get("/auth/me"))["is_operator"] is False
