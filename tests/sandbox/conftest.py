"""Both kinds of sandbox, real ones, and what they need around them."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.container import Limits, Sandbox, SandboxSpec, SandboxUnavailable, detect

KINDS = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
]
SMALL = Limits(memory_mb=256, cpus=0.5, pids=64, tmp_mb=16, volume_mb=64)


def skip_or_fail(reason: str) -> None:
    """Where sandboxes are required (in CI), one that cannot be made is a failure and no skip."""
    if os.environ.get("COCO_REQUIRE_SANDBOXES") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sandboxes")


@pytest.fixture(scope="session")
async def managers(home: Path) -> AsyncIterator[Callable[[str, str], Any]]:
    """(kind, deployment) -> its manager; at the end whatever it still runs is stopped."""
    made: dict[tuple[str, str], Sandbox] = {}

    async def manager(kind: str, deployment: str) -> Sandbox:
        if (kind, deployment) not in made:
            try:
                made[kind, deployment] = await detect(kind, deployment=deployment, state_dir=home / "state")
            except SandboxUnavailable as error:
                skip_or_fail(str(error))
        return made[kind, deployment]

    yield manager
    for sandbox in made.values():
        for running in await sandbox.list():
            await sandbox.stop(running.user_id, kill=True)


@pytest.fixture(scope="session")
def deployment() -> str:
    return f"test-{secrets.token_hex(4)}"


@pytest.fixture(scope="session", params=KINDS)
async def sandbox(request: pytest.FixtureRequest, managers: Any, deployment: str) -> Sandbox:
    manager: Sandbox = await managers(request.param, deployment)
    return manager


class Greeter:
    """A gateway's stand-in: a unix socket that says one line to whoever connects."""

    def __init__(self, folder: Path, line: str) -> None:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (folder / "token").write_text(line)
        self.path = folder / "gateway.sock"
        self._line = line
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self.path))
        self.path.chmod(0o666)
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            # The probe connects, and goes without listening.
            with client, contextlib.suppress(OSError):
                client.sendall(self._line.encode())

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept.
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def make_spec(deployment: str, tmp_path: Path) -> Iterator[Callable[..., SandboxSpec]]:
    """A specification for a new user, with own volume and own gateway socket."""
    greeters: list[Greeter] = []
    # A unix socket's path may be 107 bytes long, and pytest's folders are long.
    short = Path("/tmp") / f"coco-{secrets.token_hex(4)}"

    def make(**changes: Any) -> SandboxSpec:
        user = str(uuid.uuid4())
        volume = tmp_path / user
        volume.mkdir()
        gateway = short / user[:8]
        greeters.append(Greeter(gateway, f"gateway of {user}"))
        values: dict[str, Any] = {
            "user_id": user,
            "deployment": deployment,
            "volume": volume,
            "gateway_dir": gateway,
            "command": ("python", "-c", "import signal; print('up', flush=True); signal.pause()"),
            "limits": SMALL,
        }
        return SandboxSpec(**{**values, **changes})

    yield make
    for greeter in greeters:
        greeter.close()
    shutil.rmtree(short, ignore_errors=True)
