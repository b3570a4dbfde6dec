"""Bubblewrap started by an ordinary user: the same refusals, but for those that docs/sandbox.md names."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from sandbox import probe
from tests.sandbox.conftest import skip_or_fail

pytestmark = pytest.mark.bubblewrap

ORDINARY = 4242
WEAKER = {"execute_from_tmp", "burn_cpu"}
"""Not kept without root's help or a systemd user manager."""

PROGRAM = """
    import asyncio, json, os, pathlib, socket, sys, uuid
    from sandbox.bubblewrap_kind import BubblewrapSandbox
    from sandbox.container import Limits, SandboxSpec
    from sandbox.container import SandboxUnavailable
    home = pathlib.Path(os.environ["HOME"])
    gateway = home / "gateway"
    gateway.mkdir()
    (gateway / "token").write_text("x")
    near = socket.create_server(("127.0.0.1", 0))
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(gateway / "gateway.sock"))
    server.listen()
    limits = Limits(memory_mb=256, cpus=0.5, pids=64, tmp_mb=16, volume_mb=64)
    plan = {"memory_mb": 256, "cpus": 0.5, "pids": 64, "tmp_mb": 16, "host_pids": [os.getpid()],
            "addresses": [near.getsockname()], "paths": ["/root", "/home", str(home / "state"), sys.argv[1]]}
    async def main():
        try:
            manager = await BubblewrapSandbox.connect("ordinary", home / "state")
        except SandboxUnavailable as error:
            print("unavailable", error)
            return
        spec = SandboxSpec(str(uuid.uuid4()), "ordinary", home / "volume", gateway, limits=limits)
        done = await manager.run_once(spec, ("python", "-m", "sandbox.probe", json.dumps(plan)), 120)
        print(done.output)
    asyncio.run(main())
"""


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    project = Path(__file__).parents[2]
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becomes an ordinary user, which only root can")
    version = "{}.{}".format(*sys.version_info[:2])
    told = subprocess.run([python, "-V"], capture_output=True, text=True).stdout if python.exists() else ""
    if f" {version}." not in told:
        pytest.skip(f"an ordinary user needs a Python {version} that he may read: /usr/bin/python3 is none")
    home = Path("/tmp") / f"coco-{secrets.token_hex(6)}"
    home.mkdir(mode=0o700)
    os.chown(home, ORDINARY, ORDINARY)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": f"{project}:{packages}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    identity = [f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups"]
    try:
        done = subprocess.run(
            ["setpriv", *identity, python, "-c", textwrap.dedent(PROGRAM), str(project)],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
    finally:
        shutil.rmtree(home)
    if "ModuleNotFoundError" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip(f"an ordinary user cannot read this checkout: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("unavailable"):
        skip_or_fail(done.stdout)
    return {result["attempt"]: result for result in map(json.loads, done.stdout.splitlines()[:-1])}


@pytest.mark.parametrize("attempt", [name for name in probe.names() if name not in WEAKER])
def test_same_as_root_s(results: dict[str, Any], attempt: str) -> None:
    assert results[attempt]["refused"] is not attempt.startswith("can_"), results[attempt]["detail"]
