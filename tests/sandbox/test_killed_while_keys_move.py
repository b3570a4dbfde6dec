"""A real sandbox is killed from outside, container and all, while its key store moves or takes a new key in.

Nothing is lost: the volume as it was left opens with the keys that are there, and the next start finishes the move.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from coco.gateway_protocol import Credential, SealedItem
from coco.keys import UserKeys, new_user_key
from coco.sealing import seal
from sandbox.container import GID, UID, Sandbox, SandboxSpec
from workers.keystore import FILE_NAME, KeyStore

OLD = UserKeys({1: new_user_key()})
BOTH = UserKeys({1: OLD.by_version[1], 2: new_user_key()})
NEW = UserKeys({2: BOTH.by_version[2]})

INSIDE = """
import base64, json, os, signal, sys, tempfile
from pathlib import Path
from cryptography.fernet import Fernet, MultiFernet
from coco.gateway_protocol import SealedItem
from coco.keys import UserKeys
from workers.keystore import KeyStore

step, work = sys.argv[1], json.loads(Path("/data/work.json").read_text())

def stops(call, when, nth=1, first=lambda *args: None):
    times = 0
    def stopped(*args, **kwargs):
        nonlocal times
        times += 1
        if times == nth:
            if when == "before":
                first(*args)
                print("at " + step, flush=True)
                signal.pause()
            result = call(*args, **kwargs)
            print("at " + step, flush=True)
            signal.pause()
        return call(*args, **kwargs)
    return stopped

def half(value, file):
    file.write(json.dumps(value)[:200])
    file.flush()

if step == "encrypting":
    MultiFernet.rotate = stops(MultiFernet.rotate, "after", nth=3)
elif step == "half-written":
    json.dump = stops(json.dump, "before", first=half)
elif step == "written":
    os.fsync = stops(os.fsync, "before")
elif step == "on-disk":
    os.replace = stops(os.replace, "before")
elif step == "in-its-place":
    os.replace = stops(os.replace, "after")

read = lambda keys: UserKeys({int(version): bytes.fromhex(key) for version, key in keys.items()})
if work["items"]:
    # A key of the provider's is exchanged: the store is as it was, then something new is taken in.
    store = KeyStore.open(Path("/data"), read(work["keys"]))
    store.take_in([SealedItem.model_validate(item) for item in work["items"]])
else:
    store = KeyStore.open(Path("/data"), read(work["keys"]))
print("whole " + store.public_key, flush=True)
signal.pause()
"""
STEPS = ("encrypting", "half-written", "written", "on-disk", "in-its-place")


def secret(text: str) -> Credential:
    return Credential(scheme="password", username="ada", secret=text)


def given(store: KeyStore, connection_id: UUID, credential: Credential) -> dict[str, str]:
    sealed = base64.b64encode(seal(store.public_key, credential)).decode()
    return {"id": str(uuid4()), "connection_id": str(connection_id), "sealed": sealed}


def fill(volume: Path, keys: UserKeys) -> tuple[KeyStore, dict[UUID, Credential], list[dict[str, str]]]:
    """A store with five credentials in the volume; what it holds, and as it was sealed."""
    (volume / FILE_NAME).unlink(missing_ok=True)
    store = KeyStore.open(volume, keys)
    held = {uuid4(): secret(f"kept-{number} \u00fc \u2713") for number in range(5)}
    items = [given(store, connection_id, credential) for connection_id, credential in held.items()]
    assert store.take_in([SealedItem.model_validate(item) for item in items]) == []
    return store, held, items


def held_in(volume: Path, copy: Path, keys: UserKeys, connections: Any) -> dict[UUID, Credential]:
    """What a copy of the volume holds for whoever has the keys; the volume itself stays as it was left."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(volume, copy)
    store = KeyStore.open(copy, keys)
    return {connection_id: store.credential_for(connection_id) for connection_id in connections}


class Killed:
    """A sandbox that runs the program above up to a step."""

    def __init__(self, sandbox: Sandbox, spec: Callable[..., SandboxSpec], volume: Path) -> None:
        self.sandbox, self.spec, self.volume = sandbox, spec, volume

    def work(self, keys: UserKeys, items: list[dict[str, str]]) -> None:
        as_hex = {version: key.hex() for version, key in keys.by_version.items()}
        (self.volume / "work.json").write_text(json.dumps({"keys": as_hex, "items": items}))
        # What was made here is the sandbox's own, as if it had made it.
        if os.geteuid() == 0:
            for path in self.volume.iterdir():
                os.chown(path, UID, GID)

    async def at(self, step: str, wanted: str) -> str:
        """Runs until it says `wanted`, and is killed there, with everything in it; the line."""
        spec = self.spec(step)
        await self.sandbox.start(spec)
        try:
            async with asyncio.timeout(60):
                while not (lines := [x for x in (await self.sandbox.logs(spec.user_id)).splitlines() if wanted in x]):
                    assert await self.sandbox.alive(spec.user_id), await self.sandbox.logs(spec.user_id)
                    await asyncio.sleep(0.05)
        finally:
            await self.sandbox.stop(spec.user_id, kill=True)
        return lines[0]


@pytest.fixture
def killed(sandbox: Sandbox, make_spec: Callable[..., SandboxSpec]) -> Killed:
    first = make_spec(command=("true",))

    def spec(step: str) -> SandboxSpec:
        return replace(first, command=("python", "-c", INSIDE, step))

    return Killed(sandbox, spec, first.volume)


async def test_killed_while_everything_is_encrypted_anew(killed: Killed, tmp_path: Path) -> None:
    for step in STEPS:
        store, held, _ = fill(killed.volume, OLD)
        killed.work(BOTH, [])
        await killed.at(step, f"at {step}")
        # Until the sandbox has said that it moved, both keys are there.
        assert held_in(killed.volume, tmp_path / "copy", BOTH, held) == held, step
        # The next start finishes it, and then the old key may go.
        assert await killed.at("none", "whole ") == f"whole {store.public_key}"
        assert held_in(killed.volume, tmp_path / "copy", NEW, held) == held, step
        assert sorted(path.name for path in killed.volume.iterdir()) == [FILE_NAME, "work.json"]


async def test_killed_while_a_providers_key_is_exchanged(killed: Killed, tmp_path: Path) -> None:
    for step in ("half-written", "on-disk"):
        store, held, items = fill(killed.volume, OLD)
        changed = next(iter(held))
        items[0] = given(store, changed, secret("another"))
        killed.work(OLD, items)
        await killed.at(step, f"at {step}")
        left = held_in(killed.volume, tmp_path / "copy", OLD, held)
        assert left.pop(changed) in {held[changed], secret("another")}, step
        assert left == {name: value for name, value in held.items() if name != changed}, step
        await killed.at("none", "whole ")
        after = held_in(killed.volume, tmp_path / "copy", OLD, held)
        assert after == held | {changed: secret("another")}, step
