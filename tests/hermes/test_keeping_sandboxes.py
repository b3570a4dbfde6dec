"""Looking after everybody's sandboxes: nobody's revocation holds up the others."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox.gateway.leaving import Leaving
from store import connections
from store.tables import Connection, SandboxRow
from tests.conftest import Postgres
from tests.gateway.harness import a_stage
from tests.hermes.test_in_a_sandbox import of_kind
from tests.sandbox.conftest import KINDS
from workers.sandboxes import Sandboxes


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
