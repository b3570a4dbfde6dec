"""Code in a sandbox that calls a provider without the right grant gets a refusal, and the provider saw no request."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from jose import jwt

from coco import grants
from coco.grants import GrantClaims
from coco.requests import ProviderResponse
from store import runs
from store.tables import ActionRow, AuditRow, Refusal
from tests.gateway.harness import (
    BEARER,
    PUBLIC_KEY,
    SIGNING_KEY,
    Person,
    Provider,
    Refused,
    Stage,
    altered,
    answer,
    contact,
)

UPDATE = {"id": "1", "properties": {"jobtitle": "CTO"}}


class Scene:
    """A person with an approved field write, and a provider that would do it."""

    def __init__(self, stage: Stage, provider: Provider, person: Person) -> None:
        self.stage, self.provider, self.person = stage, provider, person
        provider.answers = [answer(200, contact(jobtitle="Engineer"))]

    async def approved(self, arguments: dict[str, Any] = UPDATE, **more: Any) -> tuple[ActionRow, str]:
        row = await self.pending(arguments, **more)
        return row, await self.person.grant(row)

    async def pending(
        self, arguments: dict[str, Any] = UPDATE, *, operation: str = "contacts.update", prefix: str = ""
    ) -> ActionRow:
        connection = await self.person.connect("hubspot", self.provider.url + prefix)
        run = await self.person.run(connection)
        prior = ProviderResponse.of(200, [], answer(200, contact(jobtitle="Engineer")).split(b"\r\n\r\n", 1)[1])
        row = await self.person.propose(run, connection, operation, arguments, prior)
        await self.person.set_run(run.id, state="working")
        return row

    async def refused(self, code: str, message: dict[str, Any], *, person: Person | None = None) -> None:
        """The call is refused with that code, recorded, and the provider heard of nothing."""
        caller = person or self.person
        before = len(self.provider.seen), self.provider.connections
        with pytest.raises(Refused) as caught:
            await caller.ask("Send", message)
        assert caught.value.code == code
        assert caught.value.text in {"refused", "malformed", "not found"}
        assert (len(self.provider.seen), self.provider.connections) == before
        newest = max(await caller.rows(Refusal), key=lambda row: row.at)
        assert newest.code == code
        assert BEARER.secret not in str(newest.detail)
        assert any(row.kind == "request_refused" for row in await caller.rows(AuditRow))


@pytest.fixture
async def scene(stage: Stage, provider: Provider) -> Scene:
    return Scene(stage, provider, await stage.person())


async def test_the_approved_request_itself_passes(scene: Scene) -> None:
    """What the refusals below are measured against."""
    row, grant = await scene.approved()
    assert (await scene.person.ask("Send", scene.person.sending(row, grant, BEARER)))["state"] == "done"
    assert [seen.line for seen in scene.provider.writes()] == ["PATCH /crm/v3/objects/contacts/1 HTTP/1.1"]


async def test_without_a_grant(scene: Scene) -> None:
    row, _ = await scene.approved()
    await scene.refused("grant_missing", scene.person.sending(row, "", BEARER))


async def test_with_something_that_is_no_grant(scene: Scene) -> None:
    row, grant = await scene.approved()
    head, body, signature = grant.split(".")
    claims = jwt.get_unverified_claims(grant)
    for forged in (
        "x",
        "a.b.c",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        grant[:-1],
        grants.sign(_claims(grant), grants.new_signing_key()),
        jwt.encode(claims, PUBLIC_KEY.replace("PUBLIC KEY", "SECRET"), algorithm="HS256"),
        jwt.encode(claims, "secret", algorithm="HS256"),
        jwt.encode(claims | {"aud": "somebody"}, SIGNING_KEY, algorithm="ES256"),
        jwt.encode(claims | {"iss": "somebody"}, SIGNING_KEY, algorithm="ES256"),
        jwt.encode(claims | {"extra": 1}, SIGNING_KEY, algorithm="ES256"),
        jwt.encode({key: value for key, value in claims.items() if key != "exp"}, SIGNING_KEY, algorithm="ES256"),
        jwt.encode(claims | {"exp": claims["iat"] + 90_000}, SIGNING_KEY, algorithm="ES256"),
    ):
        await scene.refused("grant_invalid", scene.person.sending(row, forged, BEARER))


def _claims(grant: str) -> GrantClaims:
    return grants.verify(grant, PUBLIC_KEY)


async def test_with_a_genuine_signature_over_a_grant_that_was_never_minted(scene: Scene) -> None:
    row, grant = await scene.approved()
    forged = grants.sign(_claims(grant).model_copy(update={"jti": uuid4()}), SIGNING_KEY)
    await scene.refused("grant_invalid", scene.person.sending(row, forged, BEARER))


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: {"credits": claims.credits + 1},
        lambda claims: {"digest": "0" * 64},
        lambda claims: {"prior": "0" * 64},
        lambda claims: {"workflow": uuid4()},
        lambda claims: {"run": uuid4()},
        lambda claims: {"action": uuid4()},
        lambda claims: {"user": uuid4()},
        lambda claims: {"exp": claims.exp + 600},
    ],
)
async def test_with_a_signed_grant_that_says_other_than_what_was_minted(
    scene: Scene, change: Callable[[GrantClaims], dict[str, Any]]
) -> None:
    row, grant = await scene.approved()
    claims = _claims(grant)
    forged = grants.sign(claims.model_copy(update=change(claims)), SIGNING_KEY)
    await scene.refused("grant_mismatch", scene.person.sending(row, forged, BEARER))


async def test_with_another_actions_grant(scene: Scene) -> None:
    row, _ = await scene.approved()
    _, other = await scene.approved({"id": "1", "properties": {"jobtitle": "CEO"}})
    await scene.refused("grant_mismatch", scene.person.sending(row, other, BEARER))


async def test_with_another_actions_grant_and_that_actions_id(scene: Scene) -> None:
    row, _ = await scene.approved()
    other_row, other = await scene.approved({"id": "1", "properties": {"jobtitle": "CEO"}})
    message = scene.person.sending(row, other, BEARER, action_id=str(other_row.id))
    await scene.refused("grant_mismatch", message)
    message["connection_id"] = str(other_row.connection_id)
    await scene.refused("grant_mismatch", message)


async def test_with_another_users_grant_on_either_socket(scene: Scene) -> None:
    row, grant = await scene.approved()
    thief = await scene.stage.person()
    own = Scene(scene.stage, scene.provider, thief)
    own_row, own_grant = await own.approved()
    await scene.refused("grant_mismatch", thief.sending(row, grant, BEARER), person=thief)
    await scene.refused("grant_mismatch", thief.sending(own_row, grant, BEARER), person=thief)
    await scene.refused("grant_mismatch", scene.person.sending(row, own_grant, BEARER))
    forged = grants.sign(_claims(grant).model_copy(update={"user": thief.user_id}), SIGNING_KEY)
    await scene.refused("grant_mismatch", thief.sending(row, forged, BEARER), person=thief)


async def test_with_an_expired_grant(scene: Scene) -> None:
    row = await scene.pending()
    await scene.person.approve(row)
    claims = await scene.person.mint(row)
    past = timedelta(hours=2)
    with scene.stage.postgres.connect() as owner:
        owner.execute(
            "UPDATE grants SET issued_at = issued_at - %s, expires_at = expires_at - %s WHERE jti = %s",
            (past, past, claims.jti),
        )
    moved = claims.model_copy(update={"iat": claims.iat - 7200, "exp": claims.exp - 7200})
    await scene.refused("grant_expired", scene.person.sending(row, grants.sign(moved, SIGNING_KEY), BEARER))


async def test_a_grant_that_runs_out_while_it_is_used(scene: Scene) -> None:
    """The time is checked again when the grant is spent: a slow prior read does not stretch it."""
    row = await scene.pending()
    grant = await scene.person.grant(row, lifetime=2)
    scene.provider.hold.clear()
    sending = scene.person.ask("Send", scene.person.sending(row, grant, BEARER))
    task = asyncio.create_task(sending)
    await scene.provider.arrived.wait()
    await asyncio.sleep(max(0.0, _claims(grant).exp - time.time()) + 0.1)
    scene.provider.hold.set()
    with pytest.raises(Refused) as caught:
        await task
    assert caught.value.code == "grant_expired"
    assert scene.provider.writes() == []
    assert not await scene.person.spent(row)


async def test_with_a_spent_grant_of_which_nothing_is_kept(scene: Scene) -> None:
    row, grant = await scene.approved()
    with scene.stage.postgres.connect() as owner:
        owner.execute("UPDATE grants SET spent_at = now() WHERE action_id = %s", (row.id,))
    await scene.refused("grant_spent", scene.person.sending(row, grant, BEARER))


async def test_with_a_second_grant_for_an_action_that_was_sent(scene: Scene) -> None:
    row, grant = await scene.approved()
    with scene.stage.postgres.connect() as owner:
        owner.execute("UPDATE grants SET expires_at = now() + interval '30 seconds' WHERE action_id = %s", (row.id,))
    second = grants.sign(await scene.person.mint(row), SIGNING_KEY)
    assert _claims(second).jti != _claims(grant).jti
    await scene.person.ask("Send", scene.person.sending(row, second, BEARER))
    with scene.stage.postgres.connect() as owner:
        owner.execute(
            "UPDATE grants SET expires_at = to_timestamp(%s) WHERE jti = %s", (_claims(grant).exp, _claims(grant).jti)
        )
    await scene.refused("grant_spent", scene.person.sending(row, grant, BEARER))
    assert len(scene.provider.writes()) == 1


def test_every_changed_byte_is_tried() -> None:
    """The list below touches every part of a request."""
    assert {name for name, _ in CHANGES} >= {"method", "target", "headers", "body", "encoding"}


CHANGES: list[tuple[str, Any]] = [
    ("body", '{"properties":{"jobtitle":"CTo"}}'),
    ("body", '{"properties":{"jobtitle":"CTO"}} '),
    ("body", '{"properties": {"jobtitle":"CTO"}}'),
    ("body", '{"properties":{"jobtitle":"CTO","city":"Rome"}}'),
    ("body", ""),
    ("target", "/crm/v3/objects/contacts/2"),
    ("target", "/crm/v3/objects/contacts/1/"),
    ("target", "/crm/v3/objects/contacts/1?archived=true"),
    ("target", "/crm/v3/objects/contacts/%31"),
    ("target", "/crm/v3/objects/companies/1"),
    ("target", "/crm/v3/objects/deals/1"),
    ("method", "DELETE"),
    ("method", "POST"),
    ("method", "PUT"),
    ("headers", []),
    ("headers", [["content-type", "application/json"], ["x-more", "1"]]),
    ("headers", [["content-type", "application/json;"]]),
    ("headers", [["content-type", "application/json"], ["content-type", "application/json"]]),
    ("encoding", "base64"),
]


@pytest.mark.parametrize(("name", "value"), CHANGES)
async def test_with_one_thing_in_the_request_changed(scene: Scene, name: str, value: Any) -> None:
    row, grant = await scene.approved()
    request = dict(row.body["request"])
    changed = {name: value}
    if name == "encoding":
        # The same bytes on the wire, spelled otherwise: still not what was approved.
        changed["body"] = base64.b64encode(request["body"].encode()).decode()
    await scene.refused("grant_mismatch", scene.person.sending(row, grant, BEARER, request=altered(request, **changed)))
    assert not await scene.person.spent(row)


@pytest.mark.parametrize(
    "change",
    [
        {"headers": [["host", "evil.example"]]},
        {"headers": [["authorization", "Bearer x"]]},
        {"headers": [["x-http-method-override", "DELETE"]]},
        {"headers": [["content-length", "0"]]},
        {"headers": [["x-a", "b\r\nx-c: d"]]},
        {"headers": [["content-type", "application/json "]]},
        {"target": "//evil.example/crm"},
        {"target": "http://evil.example/"},
        {"target": "/crm/../admin"},
        {"target": "/crm/%2e%2e/admin"},
        {"target": "/crm HTTP/1.1\r\nx: y"},
        {"method": "CONNECT"},
        {"method": "TRACE"},
        {"method": "GET / HTTP/1.1\r\n"},
    ],
)
async def test_with_a_request_that_no_connector_could_make(scene: Scene, change: dict[str, Any]) -> None:
    row, grant = await scene.approved()
    request = row.body["request"] | change
    await scene.refused("invalid", scene.person.sending(row, grant, BEARER, request=request))


async def test_on_another_connection_of_the_same_user(scene: Scene) -> None:
    row, grant = await scene.approved()
    other = await scene.person.connect("hubspot", scene.provider.url)
    await scene.refused("grant_mismatch", scene.person.sending(row, grant, BEARER, connection_id=str(other.id)))


@pytest.mark.parametrize("state", ["read_only", "revoked", "needs_reconnection"])
async def test_on_a_connection_that_may_not_write_any_more(scene: Scene, state: str) -> None:
    row, grant = await scene.approved()
    with scene.stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET state = %s WHERE id = %s", (state, row.connection_id))
    await scene.refused("connection_unusable", scene.person.sending(row, grant, BEARER))
    assert not await scene.person.spent(row)


async def test_after_the_run_was_cancelled(scene: Scene) -> None:
    row, grant = await scene.approved()
    async with scene.stage.postgres.api.user(scene.person.user_id) as session:
        await runs.cancel(session, scene.person.user_id, row.run_id)
    await scene.refused("run_cancelled", scene.person.sending(row, grant, BEARER))
    with pytest.raises(Refused) as caught:
        await scene.person.ask("FetchAction", {"action_id": str(row.id)})
    assert caught.value.code == "run_cancelled"


async def test_a_cancel_that_comes_while_the_prior_value_is_read_wins(scene: Scene) -> None:
    row, grant = await scene.approved()
    scene.provider.hold.clear()
    task = asyncio.create_task(scene.person.ask("Send", scene.person.sending(row, grant, BEARER)))
    await scene.provider.arrived.wait()
    async with scene.stage.postgres.api.user(scene.person.user_id) as session:
        await runs.cancel(session, scene.person.user_id, row.run_id)
    scene.provider.hold.set()
    with pytest.raises(Refused) as caught:
        await task
    assert caught.value.code == "run_cancelled"
    assert scene.provider.writes() == []
    assert await scene.person.effect(row) is None


async def test_of_an_action_whose_state_is_not_approved(scene: Scene) -> None:
    row, grant = await scene.approved()
    with scene.stage.postgres.connect() as owner:
        owner.execute("UPDATE actions SET state = 'failed' WHERE id = %s", (row.id,))
    await scene.refused("forbidden", scene.person.sending(row, grant, BEARER))


async def test_of_an_action_whose_row_was_changed_after_the_approval(scene: Scene) -> None:
    row, grant = await scene.approved()
    with scene.stage.postgres.connect() as owner:
        owner.execute(
            "UPDATE actions SET body = jsonb_set(body, '{request,target}', '\"/crm/v3/objects/contacts/9\"') "
            "WHERE id = %s",
            (row.id,),
        )
    await scene.refused("grant_mismatch", scene.person.sending(row, grant, BEARER))
    changed = row.body["request"] | {"target": "/crm/v3/objects/contacts/9"}
    await scene.refused("grant_mismatch", scene.person.sending(row, grant, BEARER, request=changed))


async def test_a_write_that_is_called_a_read(scene: Scene) -> None:
    connection = await scene.person.connect("hubspot", scene.provider.url)
    run = await scene.person.run(connection)
    row = await scene.pending()
    for request, code in (
        (row.body["request"], "grant_missing"),
        ({"protocol": "http", "method": "DELETE", "target": "/crm/v3/objects/contacts/1"}, "grant_missing"),
        ({"protocol": "http", "method": "POST", "target": "/crm/v3/objects/contacts", "body": "{}"}, "grant_missing"),
        ({"protocol": "http", "method": "GET", "target": "/crm/v3/owners"}, "not_in_manifest"),
        ({"protocol": "http", "method": "POST", "target": "/crm/v3/objects/contacts/batch/archive"}, "not_in_manifest"),
        ({"protocol": "http", "method": "GET", "target": "/"}, "not_in_manifest"),
    ):
        message = {
            "run_id": str(run.id),
            "connection_id": str(connection.id),
            "request": request,
            "credential": BEARER.model_dump(mode="json"),
        }
        with pytest.raises(Refused) as caught:
            await scene.person.ask("Read", message)
        assert caught.value.code == code, request
    assert scene.provider.seen == []
