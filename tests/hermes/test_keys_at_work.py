"""Connecting, from the public API through a sandbox's own process and the gateway to a provider that is strict."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from activities.connectors.base import ConnectionInfo
from activities.connectors.granted import minimum
from activities.connectors.registry import connector
from api.passwords import Passwords
from api.public.app import create_app, make_parts
from api.shell import Shell
from coco.gateway_protocol import Credential
from coco.settings import Settings
from sandbox.gateway.token import write_token
from store.tables import AuditRow, ReadRow
from tests import oauth_provider
from tests.api.people import BASE, code, sign_up
from tests.api.people import Person as Owner
from tests.api.serving import QUICK
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.gateway.harness import Person, Stage, a_stage
from tests.hermes.test_hermes import Hermes
from tests.temporal_server import TemporalServer

ROOT = Path(__file__).resolve().parents[2]
READS = minimum(connector("hubspot"))


@dataclass
class OAuth:
    """The provider's process."""

    url: str

    def control(self, **order: Any) -> dict[str, Any]:
        told: dict[str, Any] = httpx.post(f"{self.url}/control", json=order, trust_env=False).json()
        return told

    def agree(self, authorize_url: str) -> dict[str, str]:
        """The person signs in there and says yes; what the browser brings back."""
        back = httpx.get(authorize_url, trust_env=False).headers["location"]
        assert back.startswith(f"{BASE}/connections/oauth/callback?")
        return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}

    def count(self, grant: str) -> int:
        return len([item for item in self.control()["log"] if item.get("grant") == grant])


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OAuth]:
    path = tmp_path_factory.mktemp("oauth") / "address"
    process = subprocess.Popen([sys.executable, "-m", "tests.oauth_provider", str(path)], cwd=ROOT)
    try:
        import time

        until = time.monotonic() + 60
        while not path.exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        yield OAuth(path.read_text())
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def operator(provider: OAuth) -> Iterator[None]:
    """What the operator configured, for the API (no secret is looked at there) and the gateway."""
    values = {
        "COCO_OAUTH_HUBSPOT_CLIENT_ID": oauth_provider.CLIENT_ID,
        "COCO_OAUTH_HUBSPOT_CLIENT_SECRET": oauth_provider.CLIENT_SECRET,
        "COCO_OAUTH_HUBSPOT_AUTHORIZE_URL": f"{provider.url}/authorize",
        "COCO_OAUTH_HUBSPOT_TOKEN_URL": f"{provider.url}/token",
    }
    os.environ.update(values)
    yield
    for name in values:
        del os.environ[name]


@dataclass
class Desk:
    """Somebody with an account, and the sandbox that works for them."""

    stage: Stage
    owner: Owner
    person: Person
    hermes: Hermes
    provider: OAuth

    async def sign_in(self, status: int = 200, **body: Any) -> Any:
        asked = {"connector": "hubspot", "base_url": self.provider.url, "scopes": every_scope("hubspot")} | body
        begun = await self.owner.post("/oauth", asked, status=201)
        back = await asyncio.to_thread(self.provider.agree, begun["authorize_url"])
        response = await self.owner.call("POST", "/oauth/finish", json=back)
        assert response.status_code == status, response.text
        return response.json()

    async def connection(self, connection_id: str) -> Any:
        return await self.owner.get(f"/connections/{connection_id}")

    async def until(self, connection_id: str, check: Callable[[Any], bool]) -> Any:
        for _ in range(400):
            told = await self.connection(connection_id)
            if check(told):
                return told
            await asyncio.sleep(0.1)
        raise AssertionError(told)

    def everything(self) -> str:
        """Every row that there is, as text."""
        with self.stage.postgres.connect() as owner:
            tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return "".join(str(owner.execute(f"SELECT t::text FROM {name} t").fetchall()) for (name,) in tables)


@pytest.fixture(scope="module")
async def desk(
    module_postgres: Postgres, temporal: TemporalServer, short_dir: Path, operator: None, provider: OAuth
) -> AsyncIterator[Desk]:
    parts = make_parts(Settings(public_url=BASE), module_postgres.api, module_postgres.master, Passwords(QUICK))
    parts.check_wait_seconds = 40.0
    transport = httpx.ASGITransport(Shell(create_app(parts), parts.origins), raise_app_exceptions=False)
    async with (
        httpx.AsyncClient(transport=transport, base_url=BASE, timeout=60) as client,
        a_stage(module_postgres, short_dir / uuid4().hex[:8], temporal.address, request_timeout_seconds=10) as stage,
    ):
        owner = await sign_up(client, "ada@example.com", "Ada")
        person = Person(stage, owner.user_id, stage.run_dir / str(owner.user_id), "")
        await person.rotate()
        assert stage.gateway is not None
        person.folder = await stage.gateway.listen(owner.user_id)
        write_token(person.folder, person.token)
        stage.people.append(person)
        hermes = Hermes(person, short_dir / f"data-{uuid4().hex[:6]}")
        try:
            await hermes.ready()
            yield Desk(stage, owner, person, hermes, provider)
        finally:
            await hermes.stop()


async def test_signing_in_connects_with_what_was_agreed_to(desk: Desk) -> None:
    desk.provider.control(grant=READS)
    told = await desk.sign_in()
    desk.provider.control(grant=None)
    assert (told["state"], told["method"], told["scopes"]) == ("active", "oauth", READS)
    assert told["credential_expires_at"] is not None
    assert told["check"]["state"] == "works"
    assert {"path": "/token", "grant": "authorization_code", "status": 200} in desk.provider.control()["log"]
    calls = (await desk.owner.get(f"/connections/{told['id']}/calls"))["items"]
    assert [(call["kind"], call["operation"], call["outcome"]) for call in calls] == [
        ("check", "contacts.list", "answered"),
        ("check", "sign_in.tokens", "answered"),
    ]


async def test_a_scope_that_nobody_ticked_is_not_granted_whatever_the_provider_names(desk: Desk) -> None:
    desk.provider.control(more=["crm.objects.contacts.write", "crm.objects.everything"])
    told = await desk.sign_in(scopes=READS)
    desk.provider.control(more=[])
    assert (told["state"], told["scopes"]) == ("active", READS)


async def test_a_scope_that_was_not_agreed_to_is_said_in_plain_words(desk: Desk) -> None:
    desk.provider.control(grant=["crm.objects.deals.read"])
    told = await desk.sign_in()
    desk.provider.control(grant=None)
    assert (told["state"], told["check"]["state"]) == ("needs_reconnection", "scopes_missing")
    assert "read your contacts" in told["reason"]


async def test_a_code_is_exchanged_once_and_a_state_used_once_by_its_own_session(desk: Desk) -> None:
    asked = {"connector": "hubspot", "base_url": desk.provider.url}
    begun = await desk.owner.post("/oauth", asked, status=201)
    query = parse_qs(urlsplit(begun["authorize_url"]).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["scope"] == [" ".join(READS)]  # the minimum, where nothing was chosen
    back = await asyncio.to_thread(desk.provider.agree, begun["authorize_url"])

    async def finish(who: Owner, **changed: str) -> httpx.Response:
        return await who.call("POST", "/oauth/finish", json=back | changed)

    eve = await sign_up(desk.owner.client, f"{uuid4().hex}@example.com", "Eve")
    again = await desk.owner.client.post(
        "/api/v1/auth/login", json={"email": "ada@example.com", "password": "a long enough password"}
    )
    other_session = Owner(
        desk.owner.client,
        desk.owner.email,
        desk.owner.user_id,
        UUID(again.json()["session_id"]),
        again.json()["access_token"],
        "",
    )
    for response in (await finish(eve), await finish(other_session), await finish(desk.owner, state="x" * 43)):
        assert (response.status_code, code(response)) == (403, "forbidden")
    assert (await finish(desk.owner)).json()["state"] == "active"
    response = await finish(desk.owner)
    assert (response.status_code, code(response)) == (403, "forbidden")


async def test_another_code_than_the_one_given_is_refused(desk: Desk) -> None:
    """A verifier that does not fit, or a code that was used: the provider says no, and nothing is kept."""
    asked = {"connector": "hubspot", "base_url": desk.provider.url}
    begun = await desk.owner.post("/oauth", asked, status=201)
    foreign = await desk.owner.post("/oauth", asked, status=201)
    mine = await asyncio.to_thread(desk.provider.agree, begun["authorize_url"])
    theirs = await asyncio.to_thread(desk.provider.agree, foreign["authorize_url"])
    told = await desk.owner.post("/oauth/finish", {"code": theirs["code"], "state": mine["state"]})
    assert (told["state"], told["check"]["state"]) == ("needs_reconnection", "refused")


async def test_tokens_are_nowhere_but_in_the_sandbox(desk: Desk) -> None:
    told = await desk.sign_in()
    known = desk.provider.control()
    secrets = [*known["access"], *known["refresh"], oauth_provider.CLIENT_SECRET]
    everything = desk.everything() + str(told) + desk.hermes.log.read_text()
    everything += (desk.hermes.data / "keystore.json").read_text()
    for number in ("cmdline", "environ"):
        everything += Path(f"/proc/{desk.hermes.process.pid}/{number}").read_text()
    for secret in secrets:
        assert secret not in everything
        assert secret.encode().hex() not in everything


async def _read(desk: Desk, connection_id: str) -> Any:
    """One read as a playbook makes it, in this process, with the sandbox's real key chain over its socket."""
    from activities.sandbox_reader import GatewayReader
    from workers.gateway_client import GatewayClient
    from workers.keychain import KeyChain, user_keys
    from workers.keystore import KeyStore

    gateway = GatewayClient(desk.person.folder / "gateway.sock", desk.person.token)
    # A copy: a key store is one process's.
    data = Path(shutil.copytree(desk.hermes.data, desk.hermes.data.with_name(f"copy-{uuid4().hex[:8]}")))
    try:
        boot = await gateway.boot()
        chain = KeyChain(KeyStore.open(data, user_keys(boot.keystore_keys)), gateway)
        await chain.refresh()
        info = ConnectionInfo(id=UUID(connection_id), connector="hubspot", title="A")
        run = await desk.person.run(info)
        return await GatewayReader(gateway, chain, run.id).read(info, "contacts.list", {"limit": 1})
    finally:
        await gateway.close()


async def test_tokens_that_end_are_refreshed_before_they_are_used(desk: Desk) -> None:
    desk.provider.control(life=30)  # renewed a minute before its end: at every use
    told = await desk.sign_in()
    desk.provider.control(life=3600)
    _older(desk, told["id"])
    before = desk.provider.count("refresh_token")
    await _read(desk, told["id"])
    assert desk.provider.count("refresh_token") == before + 1
    now = await desk.connection(told["id"])
    assert now["credential_expires_at"] > told["credential_expires_at"]
    assert now["state"] == "active"


async def test_a_token_that_the_provider_ended_early_is_refreshed_and_the_read_goes_on(desk: Desk) -> None:
    told = await desk.sign_in()
    _older(desk, told["id"])
    desk.provider.control(expire=True)
    await _read(desk, told["id"])
    assert (await desk.connection(told["id"]))["state"] == "active"
    reads = [row for row in await desk.person.rows(ReadRow) if str(row.connection_id) == told["id"]]
    assert reads[-1].response["status"] == 200


async def test_a_renewal_with_fewer_scopes_takes_away_what_is_not_allowed_any_more(desk: Desk) -> None:
    """At the gateway, which is the last to look; what was granted before stays on record, and comes back by signing in
    again alone."""
    from tests.gateway.harness import Refused

    lost = "crm.objects.contacts.write"
    told = await desk.sign_in()
    assert lost in told["scopes"]
    info = ConnectionInfo(id=UUID(told["id"]), connector="hubspot", title="A")
    run = await desk.person.run(info)
    row = await desk.person.propose(run, info, "contacts.create", {"properties": {"email": "a@example.test"}})
    await desk.person.set_run(run.id, state="waiting")
    grant = await desk.person.grant(row)
    _older(desk, told["id"])
    desk.provider.control(expire=True, lost=[lost])
    await _read(desk, told["id"])
    now = await desk.connection(told["id"])
    assert (now["state"], now["scopes"]) == ("active", [name for name in told["scopes"] if name != lost])
    assert "does not allow this any more: " in now["reason"]
    assert "contacts" in now["reason"]
    [entry] = [
        item.body
        for item in await desk.person.rows(AuditRow)
        if item.kind == "credential_set" and item.body["connection"] == told["id"] and item.actor == "system"
    ]
    assert (entry["check"], entry["scopes"]) == ("renewed", {"from": told["scopes"], "to": now["scopes"]})
    # Approved before, with a grant that is good: refused by the gateway, and nothing leaves.
    before = len(desk.provider.control()["log"])
    token = desk.provider.control()["access"][-1]
    with pytest.raises(Refused) as caught:
        await desk.person.ask("Send", desk.person.sending(row, grant, Credential(scheme="bearer", secret=token)))
    assert caught.value.code == "forbidden"
    assert len(desk.provider.control()["log"]) == before
    # A renewal never gives back what one took away: a person does, at the provider.
    desk.provider.control(expire=True, lost=[])
    _older(desk, told["id"])
    await _read(desk, told["id"])
    assert (await desk.connection(told["id"]))["scopes"] == now["scopes"]
    again = await desk.sign_in(connection_id=told["id"])
    assert (again["scopes"], again["reason"]) == (told["scopes"], "")


async def test_refreshes_at_the_same_time_are_one(desk: Desk) -> None:
    """A rotated refresh token used twice would end the sign-in at the provider."""
    told = await desk.sign_in()
    _older(desk, told["id"])
    desk.provider.control(expire=True, slow=0.3)
    before = desk.provider.count("refresh_token")
    await asyncio.gather(*(_read(desk, told["id"]) for _ in range(4)))
    desk.provider.control(slow=0.0)
    assert desk.provider.count("refresh_token") == before + 1
    assert (await desk.connection(told["id"]))["state"] == "active"


async def test_a_refused_refresh_needs_reconnection_and_signing_in_again_mends_it(desk: Desk) -> None:
    from coco.errors import CocoError

    told = await desk.sign_in()
    _older(desk, told["id"])
    desk.provider.control(revoke=True)
    with pytest.raises(CocoError):
        await _read(desk, told["id"])
    broken = await desk.connection(told["id"])
    assert broken["state"] == "needs_reconnection"
    assert "Connect the account again" in broken["reason"]
    with desk.stage.postgres.connect() as owner:
        kept = owner.execute("SELECT 1 FROM sealed_credentials WHERE connection_id = %s", (told["id"],)).fetchall()
    assert kept == []
    again = await desk.sign_in(connection_id=told["id"])
    assert (again["id"], again["state"], again["reason"]) == (told["id"], "active", "")
    await _read(desk, told["id"])


async def test_the_gateway_refreshes_with_the_connections_own_token_alone(desk: Desk) -> None:
    from tests.gateway.harness import Refused

    known = set(desk.provider.control()["refresh"])
    await desk.sign_in()
    [foreign] = set(desk.provider.control()["refresh"]) - known
    told = await desk.sign_in()
    _older(desk, told["id"])
    before = desk.provider.count("refresh_token")
    for token in (foreign, "made-up"):
        message = {"connection_id": told["id"], "refresh": {"refresh_token": token}}
        with pytest.raises(Refused) as caught:
            await desk.person.ask("Refresh", message)
        assert caught.value.code == "forbidden"
    assert desk.provider.count("refresh_token") == before


async def test_a_key_is_tried_out_without_being_asked_and_swapped_while_work_goes_on(desk: Desk) -> None:
    """Access tokens of the provider serve as keys here: it accepts some strings and refuses others."""
    await desk.sign_in()
    await desk.sign_in()
    first, second = desk.provider.control()["access"][-2:]
    body = {
        "connector": "hubspot",
        "base_url": desk.provider.url,
        "credential": {"secret": first},
        "scopes": every_scope("hubspot"),
    }
    made = await desk.owner.post("/connections", body, status=201)
    assert (made["state"], made["method"], made["credential_age_days"]) == ("active", "key", 0)
    refused = await desk.owner.post(f"/connections/{made['id']}/credential", {"credential": {"secret": "wrong-key-1"}})
    assert (refused["state"], refused["check"]["state"]) == ("active", "refused")
    await _read(desk, made["id"])
    swapped = await desk.owner.post(f"/connections/{made['id']}/credential", {"credential": {"secret": second}})
    assert (swapped["state"], swapped["check"]["state"]) == ("active", "works")
    assert swapped["credential_set_at"] > made["credential_set_at"]
    await _read(desk, made["id"])
    assert first not in desk.everything()


def _older(desk: Desk, connection_id: str) -> None:
    """As if the tokens had been got a while ago: the gateway refreshes none that are seconds old."""
    with desk.stage.postgres.connect() as owner:
        owner.execute(
            "UPDATE sealed_credentials SET created_at = created_at - interval '5 minutes' WHERE connection_id = %s",
            (connection_id,),
        )
        assert owner.execute("SELECT 1 FROM connections WHERE id = %s", (connection_id,)).fetchone() == (1,)


async def test_no_crash_leaves_its_memory_behind(desk: Desk) -> None:
    limits = Path(f"/proc/{desk.hermes.process.pid}/limits").read_text()
    [line] = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] in (["1", "1"], ["0", "0"]), line


async def test_a_connection_in_use_is_tested_by_what_the_sandbox_keeps(desk: Desk) -> None:
    """Tokens whose time is over are renewed for it; ones that cannot be renewed make it need reconnection."""
    told = await desk.sign_in()
    path = f"/connections/{told['id']}/test"
    tested = await desk.owner.post(path)
    assert (tested["state"], tested["test"]["state"]) == ("active", "works")
    _older(desk, told["id"])
    desk.provider.control(expire=True)
    before = desk.provider.count("refresh_token")
    assert (await desk.owner.post(path))["test"]["state"] == "works"
    assert desk.provider.count("refresh_token") == before + 1
    _older(desk, told["id"])
    desk.provider.control(revoke=True)
    broken = await desk.owner.post(path)
    assert (broken["state"], broken["test"]["state"]) == ("needs_reconnection", "refused")
    assert broken["test"]["reason"] == broken["reason"] != ""
    calls = (await desk.owner.get(f"/connections/{told['id']}/calls"))["items"]
    assert {item["kind"] for item in calls} == {"check"}
