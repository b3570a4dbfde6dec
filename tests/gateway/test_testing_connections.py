"""A connection in use is tested on request: the provider's answer decides, and the sandbox's word does not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from coco.errors import Conflict, Later
from coco.gateway_protocol import Credential
from store import connection_tests, connections
from store.credentials import Attempt
from store.tables import AuditRow, CallRow, Connection, Event
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.gateway.harness import BEARER, PASSWORD, Person, Refused, Stage, a_stage, contact
from tests.gateway.provider_process import ProviderProcess, Reply

PATH = "/crm/v3/objects/contacts"
CONTACTS = Reply(200, {"results": [contact()]})


@pytest.fixture(scope="module")
async def stage(module_postgres: Postgres, short_dir: Path) -> AsyncIterator[Stage]:
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=5) as made:
        yield made


@pytest.fixture(scope="module")
async def process() -> AsyncIterator[ProviderProcess]:
    async with ProviderProcess.running() as made:
        yield made


@pytest.fixture
async def provider(process: ProviderProcess) -> ProviderProcess:
    await process.forget()
    return process


class Owner:
    """A person with a connection in use, and their sandbox as far as tests go."""

    def __init__(self, person: Person, connection_id: UUID) -> None:
        self.person = person
        self.connection_id = connection_id

    async def ask(self) -> UUID:
        async with self.person.stage.postgres.api.user(self.person.user_id) as session:
            return await connection_tests.ask(session, self.person.user_id, self.connection_id)

    async def bring(self, attempt: UUID, credential: Credential = BEARER) -> str:
        """What Hermes does with a test that waits."""
        message = {"attempt_id": str(attempt), "credential": credential.model_dump(mode="json")}
        return str((await self.person.ask("Check", message))["state"])

    async def told(self) -> Attempt:
        async with self.person.stage.postgres.api.user(self.person.user_id) as session:
            return (await connection_tests.latest(session, self.person.user_id))[self.connection_id]

    async def row(self) -> Connection:
        async with self.person.stage.postgres.api.user(self.person.user_id) as session:
            return await connections.get(session, self.person.user_id, self.connection_id)

    async def set_state(self, state: connections.State) -> None:
        async with self.person.stage.postgres.api.user(self.person.user_id) as session:
            await connections.set_state(session, self.person.user_id, self.connection_id, state)

    async def calls(self) -> list[tuple[str, str, int | None, str]]:
        return [(item.kind, item.operation, item.status, item.outcome) for item in await self.person.rows(CallRow)]


async def an_owner(stage: Stage, url: str, connector: str = "hubspot", credential: Credential | None = None) -> Owner:
    person = await stage.person()
    settings = {"from_address": "ada@example.com"} if connector == "smtp" else {}
    made = await person.connect(connector, url, settings, credential=credential)
    return Owner(person, made.id)


async def test_one_that_works_says_so_with_the_time_and_changes_nothing(
    stage: Stage, provider: ProviderProcess
) -> None:
    await provider.on("GET", PATH, CONTACTS)
    owner = await an_owner(stage, provider.url)
    before = await owner.row()
    attempt = await owner.ask()
    [waiting] = (await owner.person.ask("Sealed"))["pending"]
    assert (waiting["id"], waiting["kind"], waiting["sealed"]) == (str(attempt), "test", "")
    assert await owner.bring(attempt) == "works"
    told = await owner.told()
    assert (told.id, told.state, told.reason) == (attempt, "works", "")
    assert told.finished_at is not None
    assert (await owner.person.ask("Sealed"))["pending"] == []
    [seen] = await provider.seen()
    assert (seen.method, seen.path) == ("GET", PATH)
    assert await owner.calls() == [("check", "contacts.list", 200, "answered")]
    assert (await owner.row()) == before
    assert any(
        item.body == {"id": str(owner.connection_id), "check": "works"} for item in await owner.person.rows(Event)
    )


async def test_a_refused_key_makes_it_one_that_needs_reconnection(stage: Stage, provider: ProviderProcess) -> None:
    await provider.on("GET", PATH, Reply(401, {"status": "error"}))
    owner = await an_owner(stage, provider.url)
    assert await owner.bring(await owner.ask()) == "refused"
    row, told = await owner.row(), await owner.told()
    assert row.state == "needs_reconnection"
    assert "does not accept its key any more" in row.reason
    assert (told.state, told.reason) == ("refused", row.reason)
    assert await owner.calls() == [("check", "contacts.list", 401, "refused")]
    [entry] = [item for item in await owner.person.rows(AuditRow) if item.kind == "connection_changed"]
    assert entry.actor == "system"
    assert (entry.body["state"], entry.body["status"]) == ({"from": "active", "to": "needs_reconnection"}, 401)


@pytest.mark.parametrize(
    ("reply", "state", "why"),
    [
        (Reply(503, {}), "unreachable", "could not be reached"),
        (Reply(429, {}), "unreachable", "asked later"),
        (Reply(fault="drop"), "unreachable", "could not be reached"),
        (Reply(404, {}), "unreachable", "Is the address right?"),
        (Reply(200, "<html>hello</html>"), "unreachable", "not as HubSpot does"),
        (Reply(403, {"category": "MISSING_SCOPES"}), "scopes_missing", "read your contacts"),
    ],
    ids=["503", "429", "dropped", "404", "a page", "403"],
)
async def test_any_other_answer_is_told_and_changes_nothing(
    stage: Stage, provider: ProviderProcess, reply: Reply, state: str, why: str
) -> None:
    await provider.on("GET", PATH, reply)
    owner = await an_owner(stage, provider.url)
    before = await owner.row()
    assert await owner.bring(await owner.ask()) == state
    assert why in (await owner.told()).reason
    assert (await owner.row()) == before


async def test_nobody_there_is_no_refusal(stage: Stage) -> None:
    async with ProviderProcess.running() as gone:
        url = gone.url
    owner = await an_owner(stage, url)
    assert await owner.bring(await owner.ask()) == "unreachable"
    assert "could not be reached" in (await owner.told()).reason
    assert (await owner.row()).state == "active"


async def test_a_password_is_tested_by_signing_in_and_nothing_is_sent(stage: Stage, tmp_path: Path) -> None:
    from tests.demo_fixture import start_demo

    with start_demo(tmp_path) as demo:
        url = f"smtp://{demo.smtp_host}:{demo.smtp_port}"
        right = Credential(scheme="password", username=demo.smtp_user, secret=demo.smtp_password)
        owner = await an_owner(stage, url, "smtp", right)
        assert await owner.bring(await owner.ask(), right) == "works"
        stale = await an_owner(stage, url, "smtp", PASSWORD)
        assert await stale.bring(await stale.ask(), PASSWORD) == "refused"
        assert (await stale.row()).state == "needs_reconnection"
        assert demo.outbox() == []
    assert await owner.calls() == [("check", "sign_in", None, "answered")]


async def test_a_receiver_of_webhooks_has_nothing_safe_to_ask(stage: Stage, provider: ProviderProcess) -> None:
    secret = Credential(scheme="signature", secret="a-long-enough-secret")
    owner = await an_owner(stage, provider.url, "webhook", secret)
    assert await owner.bring(await owner.ask(), secret) == "unchecked"
    assert await provider.seen() == []


async def test_what_a_sandbox_brings_must_be_the_connections_own(stage: Stage, provider: ProviderProcess) -> None:
    """Else a hostile one could make a good connection look broken, or a broken one good."""
    await provider.on("GET", PATH, Reply(401, {}))
    owner = await an_owner(stage, provider.url)
    attempt = await owner.ask()
    for brought in (Credential(scheme="bearer", secret="another-key-0987654321"), Credential(scheme="none")):
        with pytest.raises(Refused) as caught:
            await owner.bring(attempt, brought)
        assert caught.value.code in {"connection_unusable", "invalid"}
    assert await provider.seen() == []
    assert ((await owner.row()).state, (await owner.told()).state) == ("active", "pending")


async def test_another_users_test_is_not_there(stage: Stage, provider: ProviderProcess) -> None:
    owner = await an_owner(stage, provider.url)
    stranger = await an_owner(stage, provider.url)
    attempt = await owner.ask()
    with pytest.raises(Refused) as caught:
        await stranger.bring(attempt)
    assert caught.value.code == "not_found"
    assert await provider.seen() == []


async def test_what_may_not_be_used_is_not_tested(stage: Stage, provider: ProviderProcess) -> None:
    await provider.on("GET", PATH, Reply(401, {}))
    owner = await an_owner(stage, provider.url)
    await owner.bring(await owner.ask())
    with pytest.raises(Conflict, match="has no key that works"):
        await owner.ask()
    await owner.set_state("revoked")
    with pytest.raises(Conflict, match="was revoked"):
        await owner.ask()
    async with stage.postgres.api.user(owner.person.user_id) as session:
        made = await connections.add(
            session,
            owner.person.user_id,
            connector="hubspot",
            title="B",
            base_url=provider.url,
            settings={},
            scopes=every_scope("hubspot"),
            method="key",
        )
    with pytest.raises(Conflict, match="being tried out right now"):
        await Owner(owner.person, made.id).ask()


async def test_revoked_while_a_test_waits_nothing_is_asked(stage: Stage, provider: ProviderProcess) -> None:
    await provider.on("GET", PATH, CONTACTS)
    owner = await an_owner(stage, provider.url)
    attempt = await owner.ask()
    await owner.set_state("revoked")
    with pytest.raises(Refused) as caught:
        await owner.bring(attempt)
    assert caught.value.code == "not_found"
    assert await provider.seen() == []
    assert (await owner.row()).state == "revoked"


async def test_one_at_a_time_and_three_within_a_minute(stage: Stage, provider: ProviderProcess) -> None:
    await provider.on("GET", PATH, CONTACTS)
    owner, other = await an_owner(stage, provider.url), await an_owner(stage, provider.url)
    for _ in range(3):
        attempt = await owner.ask()
        with pytest.raises(Conflict, match="being tested already"):
            await owner.ask()
        assert await owner.bring(attempt) == "works"
    with pytest.raises(Later) as caught:
        await owner.ask()
    assert 0 < caught.value.seconds <= 60
    await other.ask()  # another connection has a pace of its own
    assert len(await provider.seen()) == 3


async def test_what_waits_for_too_long_ends_and_leaves_the_connection_alone(
    stage: Stage, provider: ProviderProcess
) -> None:
    owner = await an_owner(stage, provider.url)
    attempt = await owner.ask()
    with stage.postgres.connect() as database:
        database.execute(
            "UPDATE credential_attempts SET created_at = now() - interval '6 minutes' WHERE id = %s", (attempt,)
        )
    async with stage.postgres.gateway.user(owner.person.user_id) as session:
        await connection_tests.expire(session, owner.person.user_id)
    told = await owner.told()
    assert (told.state, (await owner.row()).state) == ("expired", "active")
    assert "your sandbox did not bring its key" in told.reason
    await owner.ask()


async def test_a_test_makes_no_connection_usable(stage: Stage, provider: ProviderProcess) -> None:
    """The database itself: a key that was tested is not one that was given and accepted."""
    from psycopg.errors import CheckViolation

    await provider.on("GET", PATH, CONTACTS)
    owner = await an_owner(stage, provider.url)
    await owner.bring(await owner.ask())
    with stage.postgres.connect() as database:
        database.execute("UPDATE connections SET state = 'needs_reconnection' WHERE id = %s", (owner.connection_id,))
        with pytest.raises(CheckViolation, match="no credential of this connection was accepted"):
            database.execute(
                "UPDATE connections SET state = 'active', credential_set_at = (SELECT finished_at FROM "
                "credential_attempts WHERE connection_id = connections.id) WHERE id = %s",
                (owner.connection_id,),
            )
