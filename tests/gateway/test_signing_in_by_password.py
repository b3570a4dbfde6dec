"""A user name and password become access tokens, which are renewed by them: ZoomInfo, whose tokens end each hour."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from coco.errors import CocoError, Code, Later
from coco.gateway_protocol import Credential, RefreshToken
from coco.keys import MasterKey
from coco.sealing import is_fingerprint
from sandbox.gateway.egress_credentials import team_own
from store.tables import CallRow, Connection, utc_now
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.gateway.harness import Provider, Refused, Seen, Stage, a_stage, answer
from tests.gateway.test_checks import Sandbox
from workers.gateway_client import GatewayClient
from workers.keychain import KeyChain, user_keys
from workers.keystore import KeyStore, NoCredential

GIVEN = Credential(scheme="password", username="ada@engine.example", secret='pass "wörd" \\ with spaces ')


class ZoomInfo:
    """Knows one user, and the tokens that it gave. Below a path of its own, as behind an operator's proxy."""

    def __init__(self, provider: Provider) -> None:
        self.password = GIVEN.secret
        self.tokens: list[str] = []
        self.life: float | None = None
        self.instead: bytes | None = None
        """What it answers to a sign-in, in the place of a token."""
        self.signed_in = 0
        self.url = provider.url + "/proxied/zoominfo"
        provider.says = self.says

    def says(self, seen: Seen) -> bytes:
        verb, path, _ = seen.line.split(" ")
        if (verb, path) == ("POST", "/proxied/zoominfo/authenticate"):
            self.signed_in += 1
            if self.instead is not None:
                return self.instead
            if json.loads(seen.body) != {"username": GIVEN.username, "password": self.password}:
                return answer(401, {"success": False, "error": "Authentication failed"})
            self.tokens.append(self.token())
            return answer(200, {"jwt": self.tokens[-1]})
        if (verb, path) == ("POST", "/proxied/zoominfo/search/company"):
            if seen.headers.get("authorization") not in {f"Bearer {token}" for token in self.tokens}:
                return answer(401, {"success": False})
            return answer(200, {"maxResults": 1, "totalResults": 0, "currentPage": 1, "data": []})
        return answer(404, {})

    def token(self) -> str:
        claims = {} if self.life is None else {"exp": utc_now().timestamp() + self.life}
        middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        return f"header-{len(self.tokens)}.{middle}.signature-{uuid4().hex}"


@pytest.fixture(scope="module")
async def stage(module_postgres: Postgres, short_dir: Path) -> AsyncIterator[Stage]:
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=5) as made:
        yield made


@pytest.fixture
def zoominfo(provider: Provider) -> ZoomInfo:
    return ZoomInfo(provider)


class Used:
    """A person's sandbox with a key store of its own and the client that it talks to the gateway with."""

    def __init__(self, sandbox: Sandbox, chain: KeyChain, store: KeyStore) -> None:
        self.sandbox = sandbox
        self.chain = chain
        self.store = store

    async def connect(self, url: str, given: Credential = GIVEN) -> tuple[UUID, str]:
        connection_id, attempt = await self.sandbox.give(url, given, connector="zoominfo")
        return connection_id, await self.sandbox.check(attempt, given)

    def aged(self, connection_id: UUID, seconds: int = 3600) -> None:
        """What is kept was got so long ago."""
        with self.sandbox.person.stage.postgres.connect() as owner:
            owner.execute(
                "UPDATE sealed_credentials SET created_at = created_at - make_interval(secs => %s) "
                "WHERE connection_id = %s",
                (seconds, connection_id),
            )

    def waited(self, connection_id: UUID) -> None:
        """The time is over for which the connection was held."""
        with self.sandbox.person.stage.postgres.connect() as owner:
            owner.execute("UPDATE paces SET blocked_until = NULL WHERE connection_id = %s", (connection_id,))

    def kept(self, connection_id: UUID) -> list[tuple[bytes, bytes]]:
        """What is sealed to the sandbox for good, and what tells apart what renews it."""
        with self.sandbox.person.stage.postgres.connect() as owner:
            query = "SELECT sealed, refresh_fingerprint FROM sealed_credentials WHERE connection_id = %s"
            return [(bytes(row[0]), bytes(row[1])) for row in owner.execute(query, (connection_id,)).fetchall()]

    async def search(self, connection_id: UUID, credential: Credential) -> int:
        person = self.sandbox.person
        row = await self.sandbox.connection(connection_id)
        read = connector("zoominfo").read("companies.lookup")
        info = ConnectionInfo(id=row.id, connector="zoominfo", title="A")
        run = await person.run(info)
        message = {
            "run_id": str(run.id),
            "connection_id": str(row.id),
            "request": read.request(info, read.parse({"website": "engine.example"})).as_json(),
            "credential": credential.model_dump(mode="json"),
        }
        return int((await person.ask("Read", message))["response"]["status"])


@pytest.fixture(scope="module")
async def used(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Used]:
    """One user with many connections: a user's listener takes a second to stop."""
    person = await stage.person()
    gateway = GatewayClient(person.folder / "gateway.sock", person.token, lambda: None)
    try:
        store = KeyStore.open(tmp_path_factory.mktemp("volume"), user_keys((await gateway.boot()).keystore_keys))
        sandbox = Sandbox(person)
        sandbox.private = store._private_key
        await sandbox.publish()
        yield Used(sandbox, KeyChain(store, gateway), store)
    finally:
        await gateway.close()


async def test_a_password_is_kept_as_what_renews_the_tokens_and_requests_go_by_them(
    used: Used, zoominfo: ZoomInfo, provider: Provider
) -> None:
    connection_id, outcome = await used.connect(zoominfo.url)
    assert outcome == "works"
    row = await used.sandbox.connection(connection_id)
    assert (row.state, row.method, row.scopes) == ("active", "key", every_scope("zoominfo"))
    assert row.credential_expires_at is not None
    assert 3500 < (row.credential_expires_at - utc_now()).total_seconds() <= 3600
    await used.chain.refresh()
    credential = await used.chain.credential(connection_id)
    assert credential == Credential(scheme="bearer", secret=zoominfo.tokens[0])
    assert await used.search(connection_id, credential) == 200
    # The password went to its provider's sign-in alone, once, and is in no header.
    assert [seen.line.split(" ")[1] for seen in provider.seen].count("/proxied/zoominfo/authenticate") == 1
    for seen in provider.seen[1:]:
        assert b"pass" not in seen.head + seen.body
    lines = [line for line in await used.sandbox.person.rows(CallRow) if line.connection_id == connection_id]
    assert [line.operation for line in lines][:2] == ["sign_in.tokens", "companies.lookup"]


async def test_a_token_is_renewed_before_its_end(used: Used, zoominfo: ZoomInfo) -> None:
    zoominfo.life = 50  # within the minute before its end, in which it is renewed
    connection_id, _ = await used.connect(zoominfo.url)
    await used.chain.refresh()
    used.aged(connection_id)
    zoominfo.life = None
    credential = await used.chain.credential(connection_id)
    assert credential.secret == zoominfo.tokens[1]
    assert await used.search(connection_id, credential) == 200
    assert (await used.sandbox.connection(connection_id)).state == "active"
    # The one after the next as well: what renews it was kept with it.
    used.aged(connection_id)
    following = await used.chain.another(connection_id, credential)
    assert following is not None
    assert following.secret == zoominfo.tokens[2]


async def test_a_token_that_is_good_for_a_moment_is_used_while_the_next_is_not_to_be_had(
    used: Used, zoominfo: ZoomInfo
) -> None:
    zoominfo.life = 50
    connection_id, _ = await used.connect(zoominfo.url)
    await used.chain.refresh()
    used.aged(connection_id)
    zoominfo.instead = answer(503, {})
    credential = await used.chain.credential(connection_id)
    assert credential.secret == zoominfo.tokens[0]
    assert await used.search(connection_id, credential) == 200


async def test_a_token_that_ends_early_is_renewed_after_its_refusal(used: Used, zoominfo: ZoomInfo) -> None:
    connection_id, _ = await used.connect(zoominfo.url)
    await used.chain.refresh()
    used.aged(connection_id)
    old = await used.chain.credential(connection_id)
    zoominfo.tokens.clear()
    with pytest.raises(Refused):
        await used.search(connection_id, old)
    assert (await used.sandbox.connection(connection_id)).state == "active"
    fresh = await used.chain.another(connection_id, old)
    assert fresh is not None
    # The connection may still be held by the pace of the calls before.
    for _ in range(100):
        try:
            status = await used.search(connection_id, fresh)
            break
        except Refused as refused:
            if "throttled" not in str(refused):
                raise
            await asyncio.sleep(0.1)
    assert status == 200


async def test_a_password_that_was_changed_ends_the_connection_and_is_gone(used: Used, zoominfo: ZoomInfo) -> None:
    connection_id, _ = await used.connect(zoominfo.url)
    await used.chain.refresh()
    used.aged(connection_id)
    old = await used.chain.credential(connection_id)
    zoominfo.password = "another"
    with pytest.raises(CocoError) as caught:
        await used.chain.another(connection_id, old)
    assert caught.value.code is Code.CONNECTION_UNUSABLE
    row = await used.sandbox.connection(connection_id)
    assert row.state == "needs_reconnection"
    assert "does not accept" in row.reason
    assert used.kept(connection_id) == []
    await used.chain.refresh()
    with pytest.raises(NoCredential):
        await used.chain.credential(connection_id)


@pytest.mark.parametrize(
    ("instead", "most"),
    [
        (answer(503, {}), 1),
        (answer(429, {}, "retry-after: 40\r\n"), 40),
        (answer(200, b"<html>"), 1),
        (answer(200, {"jwt": "two words"}), 1),
    ],
    ids=["503", "429", "page", "no-token"],
)
async def test_an_answer_that_is_no_refusal_keeps_the_password(
    used: Used, zoominfo: ZoomInfo, instead: bytes, most: float
) -> None:
    connection_id, _ = await used.connect(zoominfo.url)
    await used.chain.refresh()
    used.aged(connection_id)
    old = await used.chain.credential(connection_id)
    zoominfo.instead = instead
    # It was refused, and what renews it is not to be had: every run waits, as for any other answer.
    for _ in range(2):
        with pytest.raises(Later) as caught:
            await used.chain.another(connection_id, old)
        assert 0 < caught.value.seconds <= most
    assert zoominfo.signed_in == 2 or most < 40, "it was asked again while it is held"
    assert (await used.sandbox.connection(connection_id)).state == "active"
    zoominfo.instead = None
    used.waited(connection_id)
    fresh = await used.chain.another(connection_id, old)
    assert fresh is not None
    assert fresh.secret == zoominfo.tokens[1]


@pytest.mark.parametrize(
    ("instead", "outcome", "why"),
    [
        (answer(401, {}), "refused", "did not accept this user name and password"),
        (answer(404, {}), "refused", "at this address"),
        (answer(200, {"jwt": "a\r\nx-injected: 1"}), "refused", "at this address"),
        (answer(503, {}), "unreachable", "gave no answer"),
    ],
    ids=["401", "404", "injected", "503"],
)
async def test_a_password_that_does_not_work_is_gone_and_its_owner_learns_why(
    used: Used, zoominfo: ZoomInfo, instead: bytes, outcome: str, why: str
) -> None:
    zoominfo.instead = instead
    connection_id, found = await used.connect(zoominfo.url)
    assert found == outcome
    row = await used.sandbox.connection(connection_id)
    assert row.state == "needs_reconnection"
    assert why in row.reason
    assert used.kept(connection_id) == []
    assert GIVEN.secret not in row.reason


async def test_a_token_of_ones_own_goes_as_it_is_and_is_not_renewed(used: Used, zoominfo: ZoomInfo) -> None:
    zoominfo.tokens.append("a-token-of-my-own")
    own = Credential(scheme="bearer", secret="a-token-of-my-own")
    connection_id, outcome = await used.connect(zoominfo.url, own)
    assert outcome == "works"
    await used.chain.refresh()
    assert await used.chain.credential(connection_id) == own
    assert zoominfo.signed_in == 0


async def test_a_sandbox_that_brings_another_password_signs_in_nowhere(used: Used, zoominfo: ZoomInfo) -> None:
    connection_id, _ = await used.connect(zoominfo.url)
    used.aged(connection_id)
    before = zoominfo.signed_in
    for brought in (f"{GIVEN.username}\nguess", f"eve\n{GIVEN.secret}", "no line end"):
        message = {"connection_id": str(connection_id), "refresh": {"refresh_token": brought}}
        with pytest.raises(Refused) as caught:
            await used.sandbox.person.ask("Refresh", message)
        assert caught.value.code == "forbidden"
    assert zoominfo.signed_in == before


async def test_what_tells_the_password_from_others_reveals_it_to_nobody(used: Used, zoominfo: ZoomInfo) -> None:
    connection_id, _ = await used.connect(zoominfo.url)
    [(sealed, told)] = used.kept(connection_id)
    assert GIVEN.secret.encode() not in sealed + told
    renewing = RefreshToken(refresh_token=f"{GIVEN.username}\n{GIVEN.secret}")
    assert is_fingerprint(told, renewing, used.sandbox.person.stage.postgres.master)
    assert not is_fingerprint(told, renewing, MasterKey(MasterKey.generate()))


def test_a_teams_password_is_not_sent_as_if_it_were_a_token() -> None:
    account = uuid4()
    row = Connection(
        user_id=account,
        connector="zoominfo",
        title="A",
        base_url="https://api.zoominfo.com",
        method="team",
        team="sales",
    )
    given = {"COCO_TEAM_SALES_MEMBERS": str(account), "COCO_TEAM_SALES_ZOOMINFO_SECRET": "secret"}
    assert team_own(row, given) == Credential(scheme="bearer", secret="secret")
    assert team_own(row, given | {"COCO_TEAM_SALES_ZOOMINFO_USERNAME": "ada"}) is None
