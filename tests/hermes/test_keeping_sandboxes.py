"""Looking after everybody's sandboxes: nobody's revocation holds up the others."""

from __future__ import annotations

import asyncio
import secrets
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

from coco.errors import CocoError
from sandbox.gateway.leaving import Leaving
from store import connections
from store.tables import Connection, SandboxRow
from tests.conftest import Postgres
from tests.gateway.harness import a_stage
from tests.hermes.test_in_a_sandbox import of_kind
from tests.sandbox.conftest import KINDS
from workers import sandboxes as keeping_them
from workers.sandboxes import LONGEST_PAUSE, Hosts, Sandboxes


@pytest.mark.parametrize("kind", KINDS)
async def test_a_revocation_that_waits_for_a_provider_holds_up_no_sandbox(
    kind: str, postgres: Postgres, short_dir: Path
) -> None:
    folder = short_dir / uuid4().hex[:8]
    sandbox = await of_kind(kind, f"test-{secrets.token_hex(4)}", folder)
    async with a_stage(postgres, folder, request_timeout_seconds=60) as stage:
        ada, bob = await stage.person(), await stage.person()
        connection = await ada.connect("hubspot", "http://127.0.0.1:9")
        leaving = Leaving(postgres.gateway.dsn)
        keeping = asyncio.create_task(Sandboxes(postgres.control, sandbox, stage.settings).keep())
        try:
            async with leaving.through(connection.id):
                async with postgres.api.user(ada.user_id) as session:
                    await connections.set_state(session, ada.user_id, connection.id, "revoked")
                with postgres.connect() as owner:
                    waiting = (
                        "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database "
                        "WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
                    )
                    async with asyncio.timeout(30):
                        while not owner.execute(waiting).fetchall():
                            await asyncio.sleep(0.05)
                    owner.execute(
                        "UPDATE sandboxes SET last_active_at = now() - interval '1 day' WHERE user_id = %s",
                        (bob.user_id,),
                    )
                async with asyncio.timeout(30):
                    while [row.state for row in await bob.rows(SandboxRow)] != ["stopped"]:
                        await asyncio.sleep(0.05)
                assert [row.purge_owed_at is None for row in await ada.rows(Connection)] == [False]
            async with asyncio.timeout(30):
                while [row.purge_owed_at for row in await ada.rows(Connection)] != [None]:
                    await asyncio.sleep(0.05)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await leaving.close()


async def test_a_purge_that_has_to_wait_for_a_record_empties_its_volume_ever_less_often(
    postgres: Postgres, short_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short_dir / uuid4().hex[:8]
    kind = await of_kind("bubblewrap", f"test-{secrets.token_hex(4)}", folder)
    async with a_stage(postgres, folder) as stage:
        ada = await stage.person()
        connection, other = [await ada.connect("hubspot", "http://127.0.0.1:9") for _ in range(2)]
        run = await ada.run(connection, other)
        row = await ada.propose(run, connection, "contacts.create", {"properties": {"email": "a@example.test"}})
        await ada.set_run(run.id, state="waiting")
        await ada.grant(row)
        with postgres.connect() as owner:
            # A sending whose answer is kept and not recorded yet: it is needed until it is.
            owner.execute(
                "INSERT INTO effects (action_id, user_id, jti, request_digest, state, started_at, detail) "
                "SELECT action_id, user_id, jti, digest, 'sending', now(), '{}' FROM grants WHERE action_id = %s",
                (row.id,),
            )
            owner.execute("UPDATE sandboxes SET state = 'stopped' WHERE user_id = %s", (ada.user_id,))
        volume = stage.settings.state_dir / "volumes" / str(ada.user_id)
        volume.mkdir(parents=True)
        keeping = Sandboxes(postgres.control, kind, stage.settings)
        clock = Clock()
        monkeypatch.setattr(keeping_them, "time", clock)

        async def emptied() -> bool:
            (volume / "left").write_text("x")
            await keeping.see_purges_through()
            return not (volume / "left").exists()

        async with postgres.api.user(ada.user_id) as session:
            await connections.set_state(session, ada.user_id, connection.id, "revoked")
        looks = []
        for second in range(400):
            clock.now = float(second)
            if await emptied():
                looks.append(second)
        gaps = [after - before for before, after in pairwise(looks)]
        assert gaps == sorted(gaps)
        assert gaps[:4] == [1, 2, 4, 8]
        assert gaps[-1] == LONGEST_PAUSE
        # Another revocation does not wait for this one, and its data is gone at once.
        async with postgres.api.user(ada.user_id) as session:
            await connections.set_state(session, ada.user_id, other.id, "revoked")
        assert await emptied()
        owed = {item.id: item.purge_owed_at is not None for item in await ada.rows(Connection)}
        assert owed == {connection.id: True, other.id: False}
        # Once the sending is recorded, the rest follows at the next look.
        with postgres.connect() as owner:
            owner.execute("UPDATE effects SET state = 'turned_away' WHERE action_id = %s", (row.id,))
        clock.now += LONGEST_PAUSE + 1
        assert await emptied()
        assert {item.purge_owed_at for item in await ada.rows(Connection)} == {None}


async def test_a_sandbox_is_gone_only_once_it_is_gone_from_each_of_its_hosts(
    postgres: Postgres, short_dir: Path
) -> None:
    """Each host's control worker removes the volume there: none is done while another's is left."""
    folder = short_dir / uuid4().hex[:8]
    deployment = f"test-{secrets.token_hex(4)}"
    kind = await of_kind("bubblewrap", deployment, folder)
    async with a_stage(postgres, folder) as stage:
        ada, settings = await stage.person(), stage.settings.model_copy(update={"deployment": deployment})
        volume = settings.state_dir / "volumes" / str(ada.user_id)
        every = frozenset({"eu-1", "eu-2"})
        first, second = [Sandboxes(postgres.control, kind, settings, Hosts(name, every)) for name in sorted(every)]
        for one in (first, second):
            # As after a start there: what is started again on another host leaves a volume behind on the first.
            await one.ensure(ada.user_id)
            with postgres.connect() as owner:
                owner.execute("UPDATE sandboxes SET state = 'wanted' WHERE user_id = %s", (ada.user_id,))
        assert [row.hosts for row in await ada.rows(SandboxRow)] == [["eu-1", "eu-2"]]
        with postgres.connect() as owner:
            # As the API begins a deletion.
            owner.execute(
                "UPDATE sandboxes SET state = 'stopped', token_sha256 = NULL WHERE user_id = %s", (ada.user_id,)
            )
        for _ in range(2):
            with pytest.raises(CocoError, match="its volume on eu-2 is there"):
                await first.destroy(ada.user_id)
        assert not volume.exists()
        volume.mkdir()
        await second.destroy(ada.user_id)
        assert not volume.exists()
        await first.destroy(ada.user_id)
        # Of a host that the region does not name any more there is nothing to wait for.
        with postgres.connect() as owner:
            owner.execute("""UPDATE sandboxes SET hosts = '["eu-0"]' WHERE user_id = %s""", (ada.user_id,))
        await first.destroy(ada.user_id)


class Clock:
    """In the place of `time`: only what is asked of it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now
