"""A key store moves to a new key, and whoever kills it on the way finds everything still there."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from coco.gateway_protocol import Credential, RefreshToken, Tokens
from coco.keys import UserKeys, new_user_key
from coco.requests import Frozen
from sandbox.gateway.token import write_token
from store import keys as kept_keys
from store.key_rotation import rotate_keystore_keys
from store.tables import AuditRow
from tests.cli.running import coco
from tests.conftest import Postgres
from tests.gateway.harness import Person, a_stage
from tests.hermes.test_hermes import Hermes
from tests.hermes.test_key_store import sealed
from tests.temporal_server import TemporalServer
from workers.keystore import FILE_NAME, KeyStore, KeyStoreDamaged

ROOT = Path(__file__).resolve().parents[2]
ODD = [
    "plain-key",
    "pä55wörd-✓-漢字-🔑",
    "  leading and trailing  ",
    "quotes \" ' ` \\ $HOME ; -- %s {x} <b>",
    "x" * 8192,
    "\u00e9\u0301\u202e\u200b",
]


def filled(folder: Path, keys: UserKeys) -> dict[UUID, Frozen]:
    """A key store with several credentials, of every kind; what it holds."""
    store = KeyStore.open(folder, keys)
    secrets: list[Frozen] = [Credential(scheme="password", username="ada", secret=text) for text in ODD]
    secrets.append(
        Tokens(
            credential=Credential(scheme="bearer", secret="access-1"), refresh=RefreshToken(refresh_token="refresh-1")
        )
    )
    items = [sealed(store, uuid4(), secret) for secret in secrets]
    assert store.take_in(items) == []
    return {item.connection_id: secret for item, secret in zip(items, secrets, strict=True)}


def check_whole(folder: Path, keys: UserKeys, held: dict[UUID, Frozen], public_key: str) -> None:
    store = KeyStore.open(folder, keys)
    assert store.public_key == public_key
    for connection_id, secret in held.items():
        tokens = store.tokens_for(connection_id)
        assert (tokens if isinstance(secret, Tokens) else tokens.credential) == secret


def test_keys_with_odd_characters_come_out_as_they_went_in(tmp_path: Path) -> None:
    keys = UserKeys({1: new_user_key()})
    held = filled(tmp_path, keys)
    check_whole(tmp_path, keys, held, KeyStore.open(tmp_path, keys).public_key)
    raw = (tmp_path / FILE_NAME).read_text()
    assert not any(text in raw for text in ODD)


def test_killed_at_any_step_nothing_is_lost(tmp_path: Path) -> None:
    """At each step in turn: SIGKILL, then the volume as it was left is opened with the keys that are there."""
    old, both = UserKeys({1: new_user_key()}), UserKeys({1: b"", 2: new_user_key()})
    both = UserKeys({1: old.by_version[1], 2: both.by_version[2]})
    new = UserKeys({2: both.by_version[2]})
    as_json = json.dumps({version: key.hex() for version, key in both.by_version.items()})
    killed = 0
    for step in range(1, 200):
        folder = tmp_path / str(step)
        folder.mkdir()
        held = filled(folder, old)
        public_key = KeyStore.open(folder, old).public_key
        done = subprocess.run(
            [sys.executable, "-m", "tests.hermes.killed_keystore", str(folder), as_json, str(step)],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        killed += 1
        # Until the sandbox has confirmed, both keys are there: that is all that it may rely on.
        check_whole(folder, both, held, public_key)
        # And this open has finished the move, so that the old key may go.
        check_whole(folder, new, held, public_key)
        assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    assert killed >= 2 * (len(ODD) + 1) + 8


def test_a_move_that_cannot_be_written_leaves_the_old_key_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = UserKeys({1: new_user_key()})
    held = filled(tmp_path, keys)
    store = KeyStore.open(tmp_path, keys)

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", full)
        with pytest.raises(OSError, match="no space"):
            store.rekey(UserKeys(keys.by_version | {2: new_user_key()}))
    assert store.version == 1
    assert all(store.tokens_for(connection) for connection in held)
    check_whole(tmp_path, keys, held, store.public_key)


def test_keys_of_somebody_else_are_not_taken(tmp_path: Path) -> None:
    store = KeyStore.open(tmp_path, UserKeys({1: new_user_key()}))
    with pytest.raises(KeyStoreDamaged, match="not this key store's"):
        store.rekey(UserKeys({2: new_user_key()}))


async def _versions(person: Person) -> set[int]:
    async with person.stage.postgres.gateway.user(person.user_id) as session:
        found = await kept_keys.load(session, person.user_id, kept_keys.KEYSTORE, person.stage.postgres.master)
    return set(found.by_version)


async def _until_versions(person: Person, wanted: set[int]) -> None:
    for _ in range(300):
        if await _versions(person) == wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await _versions(person))


async def test_a_running_sandbox_moves_by_itself_and_a_stopped_one_at_its_start(
    postgres: Postgres, temporal: TemporalServer, short_dir: Path
) -> None:
    async with a_stage(postgres, short_dir / uuid4().hex[:8], temporal.address) as stage:
        person = await stage.person()
        write_token(person.folder, person.token)
        data = short_dir / f"data-{uuid4().hex[:6]}"
        hermes = Hermes(person, data)
        try:
            await hermes.ready()
            before = (data / FILE_NAME).read_bytes()
            email = f"{person.user_id.hex}@example.test"
            env = {"DATABASE_URL": postgres.owner, "COCO_MASTER_KEY": postgres.master.text}
            done = await asyncio.to_thread(coco, "keys", "rotate", "--user", email, **env)
            assert done.returncode == 0, done.stderr
            assert "1 key store has a new key" in done.stdout
            await _until_versions(person, {2})
            assert (data / FILE_NAME).read_bytes() != before
            assert hermes.process.poll() is None
        finally:
            await hermes.stop()
        with postgres.connect() as owner:
            rotate_keystore_keys(owner, postgres.master)
        assert await _versions(person) == {2, 3}  # nobody has confirmed: both stay
        again = Hermes(person, data)
        try:
            await again.ready()
            await _until_versions(person, {3})
        finally:
            await again.stop()
        kinds = [entry.kind for entry in await person.rows(AuditRow)]
        assert kinds.count("keys_rotated") == 2


async def test_a_version_that_there_is_not_retires_nothing(
    postgres: Postgres, temporal: TemporalServer, short_dir: Path
) -> None:
    from tests.gateway.harness import Refused

    async with a_stage(postgres, short_dir / uuid4().hex[:8], temporal.address) as stage:
        person = await stage.person()
        with pytest.raises(Refused) as caught:
            await person.ask("KeysMoved", {"version": 7})
        assert caught.value.code == "not_found"
        await person.ask("KeysMoved", {"version": 1})
        assert await _versions(person) == {1}


def test_an_account_that_there_is_not(postgres: Postgres) -> None:
    env = {"DATABASE_URL": postgres.owner, "COCO_MASTER_KEY": postgres.master.text}
    done = coco("keys", "rotate", "--user", "nobody@example.com", **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no account nobody@example.com" in done.stderr
