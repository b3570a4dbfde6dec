"""A team's credential: the operator's, in the gateway alone, for the accounts and the address that they named."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from coco.gateway_protocol import Credential
from coco.operator_credentials import oauth_client, team_credential
from tests.conftest import Postgres
from tests.gateway.harness import BEARER, Person, Provider, Refused, Stage, a_stage, answer
from tests.gateway.test_checks import CONTACTS, Sandbox

SECRET = "team-secret-5566778899"
NONE = Credential(scheme="none")
ADA = UUID("6a1f0b52-3d0e-4b7e-9a55-0c8c4d6f2e11")


@pytest.fixture(scope="module")
async def stage(module_postgres: Postgres, short_dir: Path) -> AsyncIterator[Stage]:
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=5) as made:
        yield made


@pytest.fixture
def operator() -> Iterator[dict[str, str]]:
    """What the operator configured; a test adds to it."""
    before = dict(os.environ)
    yield os.environ  # type: ignore[misc]
    for name in set(os.environ) - set(before):
        del os.environ[name]


def _email(person: Person) -> str:
    return f"{person.user_id.hex}@example.test"


def _configure(operator: dict[str, str], url: str, *members: Person) -> None:
    operator["COCO_TEAM_SALES_MEMBERS"] = ", ".join([str(uuid4()), *(str(person.user_id) for person in members)])
    operator["COCO_TEAM_SALES_HUBSPOT_SECRET"] = SECRET
    operator["COCO_TEAM_SALES_HUBSPOT_BASE_URL"] = url


async def _member(stage: Stage, provider: Provider, operator: dict[str, str]) -> tuple[Sandbox, UUID]:
    """A member's sandbox, and the connection that goes by the team's key."""
    sandbox = await Sandbox.of_somebody(stage)
    _configure(operator, provider.url, sandbox.person)
    provider.answers = [CONTACTS]
    connection_id, attempt = await sandbox.give(provider.url, None, kind="team", team="sales")
    await sandbox.check(attempt, NONE)
    return sandbox, connection_id


async def _read(sandbox: Sandbox, connection_id: UUID, credential: Credential) -> Any:
    info = ConnectionInfo(id=connection_id, connector="hubspot", title="A")
    run = await sandbox.person.run(info)
    found = connector("hubspot").read("contacts.list")
    message = {
        "run_id": str(run.id),
        "connection_id": str(connection_id),
        "request": found.request(info, found.parse({"limit": 1})).as_json(),
        "credential": credential.model_dump(mode="json"),
    }
    return await sandbox.person.ask("Read", message)


async def test_a_members_connection_goes_by_the_teams_key_which_no_sandbox_sees(
    stage: Stage, provider: Provider, operator: dict[str, str]
) -> None:
    sandbox = await Sandbox.of_somebody(stage)
    _configure(operator, provider.url, sandbox.person)
    # A provider that repeats the key: it is blotted out of what the sandbox gets.
    provider.answers = [answer(200, {"results": [], "echo": SECRET})]
    connection_id, attempt = await sandbox.give(provider.url, None, kind="team", team="sales")
    told = await sandbox.person.ask("Sealed")
    assert [(item["kind"], item["sealed"]) for item in told["pending"]] == [("team", "")]
    assert await sandbox.check(attempt, NONE) == "works"
    row = await sandbox.connection(connection_id)
    assert (row.state, row.method, row.team) == ("active", "team", "sales")
    told = await sandbox.person.ask("Sealed")
    assert (told["items"], told["from_team"]) == ([], [str(connection_id)])
    reply = await _read(sandbox, connection_id, NONE)
    assert SECRET not in str(reply)
    assert [seen.headers["authorization"] for seen in provider.seen] == [f"Bearer {SECRET}"] * 2
    # Its own key does not go in the team's place, and is not sent.
    for brought in (BEARER, Credential(scheme="bearer", secret=SECRET), Credential(scheme="none", secret="x")):
        with pytest.raises(Refused) as caught:
            await _read(sandbox, connection_id, brought)
        assert caught.value.code == "connection_unusable"
    assert len(provider.seen) == 2
    with stage.postgres.connect() as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        dump = "".join(str(owner.execute(f"SELECT t::text FROM {name} t").fetchall()) for (name,) in tables)
    assert SECRET not in dump


async def test_whoever_is_not_named_gets_nothing(stage: Stage, provider: Provider, operator: dict[str, str]) -> None:
    member, stranger = await Sandbox.of_somebody(stage), await Sandbox.of_somebody(stage)
    _configure(operator, provider.url, member.person)
    provider.answers = [CONTACTS]
    reasons = set()
    for team in ("sales", "unknown"):
        connection_id, attempt = await stranger.give(provider.url, None, kind="team", team=team)
        assert await stranger.check(attempt, NONE) == "refused"
        row = await stranger.connection(connection_id)
        assert row.state == "needs_reconnection"
        reasons.add(row.reason)
    # The same for a team that there is and one that there is not.
    assert len(reasons) == 1
    assert provider.seen == []


async def test_an_address_that_anybody_may_sign_up_with_makes_nobody_a_member(
    stage: Stage, provider: Provider, operator: dict[str, str]
) -> None:
    """Nobody proves at sign-up that an address is theirs: whoever came first would have the team's key."""
    sandbox = await Sandbox.of_somebody(stage)
    _configure(operator, provider.url)
    operator["COCO_TEAM_SALES_MEMBERS"] = _email(sandbox.person)
    provider.answers = [CONTACTS]
    connection_id, attempt = await sandbox.give(provider.url, None, kind="team", team="sales")
    assert await sandbox.check(attempt, NONE) == "refused"
    assert provider.seen == []
    # What the operator has to write down is in the answer.
    assert str(sandbox.person.user_id) in await sandbox.reason(connection_id)


async def test_a_teams_key_goes_to_the_operators_address_alone(
    stage: Stage, provider: Provider, operator: dict[str, str]
) -> None:
    """A member chooses the address of a connection: it must not be where the team's key is carried off to."""
    sandbox = await Sandbox.of_somebody(stage)
    _configure(operator, "https://api.example.com", sandbox.person)
    provider.answers = [CONTACTS]
    _, attempt = await sandbox.give(provider.url, None, kind="team", team="sales")
    assert await sandbox.check(attempt, NONE) == "refused"
    assert provider.seen == []


async def test_a_member_who_leaves_is_refused_at_the_next_request(
    stage: Stage, provider: Provider, operator: dict[str, str]
) -> None:
    sandbox, connection_id = await _member(stage, provider, operator)
    await _read(sandbox, connection_id, NONE)
    operator["COCO_TEAM_SALES_MEMBERS"] = str(uuid4())
    before = len(provider.seen)
    with pytest.raises(Refused) as caught:
        await _read(sandbox, connection_id, NONE)
    assert caught.value.code == "connection_unusable"
    assert len(provider.seen) == before


async def test_no_credential_at_all_is_for_teams_only(stage: Stage, provider: Provider) -> None:
    sandbox = await Sandbox.of_somebody(stage)
    made = await sandbox.person.connect("hubspot", provider.url)
    with pytest.raises(Refused) as caught:
        await _read(sandbox, made.id, NONE)
    assert caught.value.code == "connection_unusable"
    assert provider.seen == []


async def test_a_write_by_a_teams_key_needs_its_grant_like_any(
    stage: Stage, provider: Provider, operator: dict[str, str]
) -> None:
    sandbox, connection_id = await _member(stage, provider, operator)
    info = ConnectionInfo(id=connection_id, connector="hubspot", title="A")
    run = await sandbox.person.run(info)
    row = await sandbox.person.propose(run, info, "contacts.create", {"properties": {"email": "n@example.com"}})
    grant = await sandbox.person.grant(row)
    provider.answers = [answer(201, {"id": "7", "properties": {}})]
    with pytest.raises(Refused):
        await sandbox.person.ask("Send", sandbox.person.sending(row, "", NONE))
    assert provider.writes() == []
    reply = await sandbox.person.ask("Send", sandbox.person.sending(row, grant, NONE))
    assert reply["state"] == "done"
    [write] = provider.writes()
    assert write.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("team", ["", "a_b", "A", "a-b", "../x", "é", "x" * 41])
def test_a_name_that_could_be_read_otherwise_is_no_team(team: str) -> None:
    """`COCO_TEAM_A_B_C_SECRET` is team `a`'s for the connector `b_c`, and no other team's."""
    environment = {"COCO_TEAM_A_B_HUBSPOT_SECRET": "x", "COCO_TEAM_A_B_MEMBERS": str(ADA)}
    environment |= {"COCO_TEAM__HUBSPOT_SECRET": "x", "COCO_TEAM__MEMBERS": str(ADA)}
    assert team_credential(environment, team, "hubspot", ADA) is None


def test_secrets_may_be_in_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    environment = {
        "COCO_TEAM_OPS_MEMBERS": f" {str(ADA).upper()}",
        "COCO_TEAM_OPS_SMTP_SECRET_FILE": str(tmp_path / "secret"),
        "COCO_TEAM_OPS_SMTP_USERNAME": "ops",
        "COCO_OAUTH_HUBSPOT_CLIENT_ID": "id",
        "COCO_OAUTH_HUBSPOT_CLIENT_SECRET_FILE": str(tmp_path / "secret"),
    }
    found = team_credential(environment, "ops", "smtp", ADA)
    assert found is not None
    assert (found.secret, found.username) == ("from-a-file", "ops")
    assert "from-a-file" not in repr(found)
    client = oauth_client(environment, "hubspot", "https://a.example/authorize", "https://a.example/token")
    assert client is not None
    assert (client.client_secret, client.token_url) == ("from-a-file", "https://a.example/token")
    assert "from-a-file" not in repr(client)
