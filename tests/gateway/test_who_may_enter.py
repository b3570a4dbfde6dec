"""Who is let in: the socket says which user, the token proves it, and nothing is said to anybody else."""

from __future__ import annotations

import asyncio
import gzip
import os
import resource
import stat
import zlib
from pathlib import Path
from uuid import uuid4

import grpc
import psycopg
import pytest

from coco.errors import CocoError, Code
from coco.gateway_protocol import SERVICE
from sandbox.container import UID
from sandbox.gateway.admin import AdminClient
from sandbox.gateway.folders import GatewayRunning
from sandbox.gateway.service import Gateway
from sandbox.gateway.token import write_token
from store.sandboxes import token_digest
from store.tables import AuditRow, Refusal
from tests.conftest import Postgres
from tests.gateway.harness import PUBLIC_KEY, Person, Refused, Stage, a_stage, settings_for

BOOT = f"/{SERVICE}/Boot"
POLL = "/temporal.api.workflowservice.v1.WorkflowService/PollActivityTaskQueue"


async def test_the_right_token_on_the_right_socket_opens(stage: Stage) -> None:
    person = await stage.person()
    assert (await person.ask("Boot"))["user_id"] == str(person.user_id)


@pytest.mark.parametrize("path", [BOOT, POLL, "/nothing.at.All/Here"])
async def test_no_token_a_wrong_one_and_another_users_are_all_refused_alike(stage: Stage, path: str) -> None:
    person, other = await stage.person(), await stage.person()
    hashed = token_digest(person.token)
    for token in ("", "x", person.token[:-1], person.token + "x", person.token.upper(), other.token, hashed):
        with pytest.raises(Refused) as caught:
            await raw(person, path, [("authorization", f"Bearer {token}")] if token else [])
        assert caught.value == Refused("UNAUTHENTICATED", "unauthenticated", "not authenticated")
    for metadata in (
        [("authorization", person.token)],
        [("authorization", f"bearer {person.token}")],
        [("authorization", f"Basic {person.token}")],
        [("authorization", f"Bearer {person.token}"), ("authorization", f"Bearer {other.token}")],
        [("x-authorization", f"Bearer {person.token}")],
    ):
        with pytest.raises(Refused) as caught:
            await raw(person, path, metadata)
        assert caught.value.status == "UNAUTHENTICATED", metadata


async def raw(person: Person, path: str, metadata: list[tuple[str, str]]) -> bytes:
    try:
        return bytes(await person.channel().unary_unary(path)(b"{}", timeout=10, metadata=metadata))
    except grpc.aio.AioRpcError as error:
        trailing = dict(error.trailing_metadata() or ())
        raise Refused(error.code().name, str(trailing.get("coco-code", "")), error.details() or "") from None


async def test_a_token_is_good_on_its_own_socket_only(stage: Stage) -> None:
    person, other = await stage.person(), await stage.person()
    with pytest.raises(Refused) as caught:
        await person.ask("Boot", folder=other.folder)
    assert caught.value.status == "UNAUTHENTICATED"


async def test_a_rotated_token_stops_at_once(stage: Stage) -> None:
    person = await stage.person()
    before = person.token
    await person.ask("Boot")
    after = await person.rotate()
    assert after != before
    with pytest.raises(Refused) as caught:
        await person.ask("Boot", token=before)
    assert caught.value.status == "UNAUTHENTICATED"
    await person.ask("Boot")


async def test_a_stopped_sandbox_has_no_token_that_works(stage: Stage) -> None:
    person = await stage.person()
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE sandboxes SET token_sha256 = NULL WHERE user_id = %s", (person.user_id,))
    for token in (person.token, "None", "null", ""):
        with pytest.raises(Refused) as caught:
            await person.ask("Boot", token=token)
        assert caught.value.status == "UNAUTHENTICATED"


async def test_only_the_hash_of_a_token_is_stored(stage: Stage) -> None:
    person = await stage.person()
    with stage.postgres.connect() as owner:
        [row] = owner.execute("SELECT s::text FROM sandboxes s WHERE user_id = %s", (person.user_id,)).fetchall()
    assert person.token not in row[0]
    assert token_digest(person.token) in row[0]


async def test_a_refused_call_leaves_a_record_and_a_flood_of_them_does_not_fill_the_database(stage: Stage) -> None:
    person = await stage.person()
    for _ in range(120):
        with pytest.raises(Refused):
            await person.ask("Boot", token="wrong")
    kept = await person.rows(Refusal)
    audited = [row for row in await person.rows(AuditRow) if row.kind == "request_refused"]
    assert 1 <= len(kept) <= 40
    assert len(audited) == len(kept)
    assert {row.code for row in kept} == {"unauthenticated"}
    assert "wrong" not in str([row.detail for row in kept])


async def test_more_calls_than_a_user_may_make_are_turned_away(stage: Stage) -> None:
    person = await stage.person()
    results = await asyncio.gather(*(person.ask("Boot") for _ in range(700)), return_exceptions=True)
    statuses = {item.status for item in results if isinstance(item, Refused)}
    assert statuses
    assert statuses <= {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}  # by the gateway, or by gRPC before it
    # Another user notices nothing of it.
    await (await stage.person()).ask("Boot")


async def test_connections_of_one_user_are_bounded(stage: Stage) -> None:
    person = await stage.person()
    channels = [person.new_channel(person.folder) for _ in range(40)]
    metadata = (("authorization", f"Bearer {person.token}"),)
    try:
        results = await asyncio.gather(
            *(item.unary_unary(BOOT)(b"{}", timeout=10, metadata=metadata) for item in channels),
            return_exceptions=True,
        )
        turned_away = [item for item in results if isinstance(item, grpc.aio.AioRpcError)]
        assert 1 <= len(turned_away) < len(channels)
    finally:
        for item in channels:
            await item.close()


async def test_too_large_a_message_is_refused(stage: Stage) -> None:
    person = await stage.person()
    with pytest.raises(Refused) as caught:
        await person.ask("SubmitPlan", b'{"a":"' + b"x" * 5_000_000 + b'"}')
    assert caught.value.status == "RESOURCE_EXHAUSTED"
    with pytest.raises(Refused) as caught:
        await person.ask("SubmitPlan", b'{"a":"' + b"x" * 1_100_000 + b'"}')
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"public_key": 5}',
        b'{"public_key": "' + b"A" * 64 + b'"}',
        b'{"public_key": "' + b"a" * 64 + b'", "more": 1}',
        b'{"public_key": "' + b"a" * 64 + b'", "public_key": "' + b"b" * 64 + b'"}',
        b'{"public_key": ' + b"1" * 5000 + b"}",
        b'{"public_key": NaN}',
        b'{"public_key": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"\xff\xfe",
    ],
)
async def test_a_malformed_message_is_refused_in_one_way(stage: Stage, body: bytes) -> None:
    person = await stage.person()
    with pytest.raises(Refused) as caught:
        await person.ask("PublishKey", body)
    assert caught.value == Refused("INVALID_ARGUMENT", "invalid", "malformed")


# -- folders, the admin socket, starts and stops --------------------------------------------------------------------


async def test_files_are_for_the_sandbox_and_the_gateway_alone(stage: Stage) -> None:
    person = await stage.person()
    write_token(person.folder, person.token)
    root = os.geteuid() == 0
    assert stat.S_IMODE(stage.run_dir.stat().st_mode) == (0o711 if root else 0o700)
    assert stat.S_IMODE(person.folder.stat().st_mode) == (0o750 if root else 0o700)
    for name, mode in (("gateway.sock", 0o600), ("token", 0o400)):
        status = (person.folder / name).stat()
        assert stat.S_IMODE(status.st_mode) == mode
        assert status.st_uid == (UID if root else os.geteuid())
    assert (person.folder / "token").read_text() == person.token
    assert stat.S_IMODE((stage.run_dir / "admin.sock").stat().st_mode) == 0o600


async def test_a_token_is_replaced_in_one_step(tmp_path: Path) -> None:
    write_token(tmp_path, "first")
    write_token(tmp_path, "second")
    assert (tmp_path / "token").read_text() == "second"
    assert [item.name for item in tmp_path.iterdir()] == ["token"]


async def test_the_control_worker_has_it_listen_and_close(stage: Stage) -> None:
    admin = AdminClient(stage.run_dir)
    person = await stage.person(listen=False)
    with pytest.raises(Refused) as caught:
        await person.ask("Boot", seconds=2)
    assert caught.value.status == "UNAVAILABLE"
    await person.close()
    folder = await admin.listen(person.user_id)
    assert folder == stage.run_dir / str(person.user_id)
    assert await admin.listen(person.user_id) == folder
    await person.ask("Boot")
    await admin.close(person.user_id)
    await admin.close(person.user_id)
    with pytest.raises(Refused) as caught:
        await person.ask("Boot", seconds=2)
    assert caught.value.status == "UNAVAILABLE"
    await person.close()
    await admin.listen(person.user_id)
    await person.ask("Boot")


async def test_without_a_gateway_the_control_worker_is_told_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(CocoError, match=r"python -m sandbox\.gateway") as caught:
        await AdminClient(tmp_path).listen(uuid4())
    assert caught.value.code is Code.UNAVAILABLE


async def test_a_second_gateway_on_the_same_directory_refuses_to_start(stage: Stage) -> None:
    with pytest.raises(GatewayRunning, match="already serves"):
        async with Gateway.serving(stage.settings, stage.postgres.gateway, stage.postgres.master, PUBLIC_KEY):
            pass


async def test_a_gateway_that_starts_listens_for_every_running_sandbox(postgres: Postgres, short_dir: Path) -> None:
    folder = short_dir / uuid4().hex[:8]
    async with a_stage(postgres, folder) as before:
        running, stopped = await before.person(), await before.person()
        with postgres.connect() as owner:
            owner.execute("UPDATE sandboxes SET state = 'stopped' WHERE user_id = %s", (stopped.user_id,))
    async with a_stage(postgres, folder):
        await running.ask("Boot")
        with pytest.raises(Refused):
            await stopped.ask("Boot", seconds=2)
        await running.close()
        await stopped.close()


async def test_a_directory_deeper_than_a_socket_address_can_say(postgres: Postgres, tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 60)
    async with a_stage(postgres, deep) as made:
        person = await made.person()
        folder = await AdminClient(made.run_dir).listen(person.user_id)
        assert len(str(folder / "gateway.sock")) > 107
        descriptor = os.open(folder, os.O_PATH)
        try:
            person.folder = Path(f"/proc/self/fd/{descriptor}")
            await person.ask("Boot")
        finally:
            os.close(descriptor)


async def test_a_link_in_the_place_of_a_users_folder_is_not_followed(stage: Stage, tmp_path: Path) -> None:
    person = await stage.person(listen=False)
    (stage.run_dir / str(person.user_id)).symlink_to(tmp_path)
    assert stage.gateway is not None
    with pytest.raises(NotADirectoryError):
        await stage.gateway.listen(person.user_id)
    assert list(tmp_path.iterdir()) == []


async def test_without_the_database_nobody_is_let_in(postgres: Postgres, short_dir: Path) -> None:
    settings = settings_for(postgres, short_dir / uuid4().hex[:8])
    async with Gateway.serving(settings, postgres.gateway, postgres.master, PUBLIC_KEY) as gateway:
        stage = Stage(postgres, settings, settings.run_dir.absolute(), gateway)
        person = await stage.person()
        await person.ask("Boot")
        with postgres.connect() as owner:
            name = psycopg.conninfo.conninfo_to_dict(postgres.dsn(_gateway_role()))["user"]
            owner.execute(psycopg.sql.SQL("ALTER ROLE {} NOLOGIN").format(psycopg.sql.Identifier(str(name))))
            owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", (name,))
        with pytest.raises(Refused) as caught:
            await person.ask("Boot")
        assert caught.value.status == "UNAVAILABLE"
        await person.close()


def _gateway_role() -> object:
    from store.roles import Role

    return Role.GATEWAY


async def test_a_packed_message_is_unpacked_within_bounds(stage: Stage) -> None:
    """A megabyte can unpack to a gigabyte; the gateway stops at the size that a message may have."""
    person = await stage.person()
    packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(1000)) + packer.flush()
    assert len(bomb) < 2_000_000
    before = _peak_memory()
    with pytest.raises(Refused) as caught:
        await person.ask("PublishKey", bomb)
    assert caught.value.code == "too_large"
    assert _peak_memory() - before < 64 * 1024
    key = b'{"public_key": "' + b"a" * 64 + b'"}'
    await person.ask("PublishKey", gzip.compress(key))
    for broken in (gzip.compress(key)[:-4], gzip.compress(key) + b"x", b"\x1f\x8b", gzip.compress(gzip.compress(key))):
        with pytest.raises(Refused) as caught:
            await person.ask("PublishKey", broken)
        assert caught.value.code == "invalid"


async def test_grpcs_own_packing_is_understood(stage: Stage) -> None:
    person = await stage.person()
    channel = grpc.aio.insecure_channel(
        f"unix:{person.folder / 'gateway.sock'}",
        options=[("grpc.use_local_subchannel_pool", 1)],
        compression=grpc.Compression.Gzip,
    )
    body = b'{"public_key": "' + b"a" * 64 + b'"' + b" " * 5000 + b"}"
    metadata = (("authorization", f"Bearer {person.token}"),)
    assert await channel.unary_unary(f"/{SERVICE}/PublishKey")(body, timeout=20, metadata=metadata) == b"{}"
    await channel.close()


def _peak_memory() -> int:
    """KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
