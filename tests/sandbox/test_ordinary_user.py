"""Bubblewrap started by an ordinary user: the same refusals, but for those that docs/sandbox.md names."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import probe
from tests.sandbox.conftest import skip_or_fail

ORDINARY = 4242
WEAKER = {"execute_from_tmp", "burn_cpu"}
"""Not kept without root's help or a systemd user manager."""

START = """
    import asyncio, json, os, pathlib, socket, sys, uuid
    from sandbox.container import Limits, SandboxSpec, SandboxUnavailable, VolumeTooLarge, detect
    home = pathlib.Path(os.environ["HOME"])
    gateway = home / "gateway"
    gateway.mkdir()
    (gateway / "token").write_text("x")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(gateway / "gateway.sock"))
    server.listen()
    limits = Limits(memory_mb=256, cpus=0.5, pids=64, tmp_mb=16, volume_mb=1)
    user = str(uuid.uuid4())
    def spec():
        return SandboxSpec(user, "ordinary", home / "volume", gateway, limits=limits)
    async def manager(kind):
        try:
            return await detect(kind, deployment="ordinary", state_dir=home / "state")
        except SandboxUnavailable as error:
            print("unavailable", error)
            sys.exit()
"""

PROBE = """
    near = socket.create_server(("127.0.0.1", 0))
    plan = {"memory_mb": 256, "cpus": 0.5, "pids": 64, "tmp_mb": 16, "host_pids": [os.getpid()],
            "addresses": [near.getsockname()], "paths": ["/root", "/home", str(home / "state"), sys.argv[1]]}
    async def main():
        sandbox = await manager("bubblewrap")
        done = await sandbox.run_once(spec(), ("python", "-m", "sandbox.probe", json.dumps(plan)), 120)
        print(done.output, end="")
    asyncio.run(main())
"""

PREPARE = """
import asyncio
from sandbox.docker_kind import DockerSandbox
async def main():
    await (await DockerSandbox.connect("ordinary")).prepare()
asyncio.run(main())
"""

VOLUME = """
    async def main():
        sandbox = await manager("docker")
        fill = "open('/data/own', 'wb').write(b'x' * int(__import__('sys').argv[1])); print(__import__('os').getuid())"
        for size in ("1000", "900000", "900001"):
            print((await sandbox.run_once(spec(), ("python", "-c", fill, size), 60)).output, end="")
        other = "open('/data/other', 'wb').write(b'x' * 900000)"
        print((await sandbox.run_once(spec(), ("python", "-c", other), 60)).output, end="")
        try:
            await sandbox.run_once(spec(), ("python", "-c", other), 60)
        except VolumeTooLarge as error:
            print("too large")
    asyncio.run(main())
"""


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    """A copy of the code that everybody may read, and that nobody changes while the tests run."""
    root = Path("/tmp") / f"coco-{secrets.token_hex(6)}"
    root.mkdir(mode=0o755)
    for name in ("activities", "coco", "sandbox", "workers", "workflows"):
        shutil.copytree(Path(__file__).parents[2] / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    yield root
    shutil.rmtree(root)


def run_as_ordinary_user(project: Path, program: str, groups: str) -> str:
    """What the program prints, run by a user without any privilege but these groups (setpriv's option)."""
    python = Path("/usr/bin/python3")
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("becomes an ordinary user, which only root can")
    version = "{}.{}".format(*sys.version_info[:2])
    told = subprocess.run([python, "-V"], capture_output=True, text=True).stdout if python.exists() else ""
    if f" {version}." not in told:
        pytest.skip(f"an ordinary user needs a Python {version} that he may read: /usr/bin/python3 is none")
    home = Path("/tmp") / f"coco-{secrets.token_hex(6)}"
    home.mkdir(mode=0o711)
    os.chown(home, ORDINARY, ORDINARY)
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "PYTHONPATH": f"{project}:{packages}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    source = textwrap.dedent(START) + textwrap.dedent(program)
    try:
        done = subprocess.run(
            ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", groups, python, "-c", source, str(project)],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            timeout=200,
        )
    finally:
        shutil.rmtree(home)
    if done.returncode != 0 and "ModuleNotFoundError" in done.stderr:
        pytest.skip(f"an ordinary user cannot read the installed packages: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("unavailable"):
        skip_or_fail(done.stdout)
    return done.stdout


@pytest.fixture(scope="module")
def results(project: Path) -> dict[str, Any]:
    output = run_as_ordinary_user(project, PROBE, "--clear-groups")
    return {result["attempt"]: result for result in map(json.loads, output.splitlines())}


@pytest.mark.docker
def test_docker_by_its_group_alone(project: Path) -> None:
    """Who may ask the daemon, but is not root, can have a volume given to the sandbox, and measured, all the same."""
    endpoint = Path("/var/run/docker.sock")
    if not endpoint.is_socket():
        skip_or_fail("no Docker daemon at /var/run/docker.sock")
    # As root: the image's base may have to be made.
    made = subprocess.run([sys.executable, "-c", PREPARE], cwd=project, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    output = run_as_ordinary_user(project, VOLUME, f"--groups={endpoint.stat().st_gid}")
    assert output.splitlines() == ["10001", "10001", "10001", "too large"]


@pytest.mark.bubblewrap
@pytest.mark.parametrize("attempt", [name for name in probe.names() if name not in WEAKER])
def test_same_as_root_s(results: dict[str, Any], attempt: str) -> None:
    assert results[attempt]["refused"] is not attempt.startswith("can_"), results[attempt]["detail"]
