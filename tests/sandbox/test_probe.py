"""A hostile program inside both kinds of sandbox breaks none of their promises, and would be noticed if it did."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import probe
from sandbox.container import Sandbox, SandboxSpec
from tests.sandbox.conftest import KINDS, SMALL, Greeter

Result = dict[str, Any]


@pytest.fixture(scope="module")
def listeners() -> Iterator[list[tuple[str, int]]]:
    """As Postgres and Temporal listen: on the host's loopback, and on every address it has."""
    with socket.create_server(("127.0.0.1", 0)) as near, socket.create_server(("0.0.0.0", 0)) as wide:
        port = wide.getsockname()[1]
        hosts = {"127.0.0.1", "172.17.0.1", *socket.gethostbyname_ex(socket.gethostname())[2]}
        yield [near.getsockname(), *((host, port) for host in sorted(hosts))]


@pytest.fixture(scope="module")
def abstract() -> Iterator[str]:
    name = f"coco-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen()
        yield "@" + name


@pytest.fixture(scope="module")
def other_volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another user's volume, with a secret, as open as a careless host could leave it."""
    volume = tmp_path_factory.mktemp("other") / str(uuid.uuid4())
    volume.mkdir(mode=0o777)
    (volume / "secret").write_text("other user's")
    (volume / "secret").chmod(0o666)
    return volume


@pytest.fixture(scope="module")
def plan(listeners: list[tuple[str, int]], abstract: str, other_volume: Path) -> dict[str, Any]:
    project = Path(__file__).parents[2]
    return {
        "addresses": listeners,
        "sockets": [abstract],
        "paths": [
            *map(str, (other_volume / "secret", other_volume, project, project / "pyproject.toml", Path.home())),
            "/var/lib/docker",
            "/home",
            "/root",
            "/boot",
            "/etc/hostname.bak",
            "/var/log",
        ],
        "memory_mb": SMALL.memory_mb,
        "pids": SMALL.pids,
        "tmp_mb": SMALL.tmp_mb,
        "cpus": SMALL.cpus,
        "host_pids": [os.getpid(), os.getppid()],
    }


def parse(output: str) -> dict[str, Result]:
    return {result["attempt"]: result for result in map(json.loads, output.splitlines())}


@pytest.fixture(scope="module", params=KINDS)
async def results(
    request: pytest.FixtureRequest,
    managers: Any,
    deployment: str,
    plan: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """Everything the probe says in one kind of sandbox, by attempt."""
    manager: Sandbox = await managers(request.param, deployment)
    volume = tmp_path_factory.mktemp("volume") / "own"
    volume.mkdir()
    gateway = Path("/tmp") / f"coco-{secrets.token_hex(4)}" / "gateway"
    greeter = Greeter(gateway, "gateway")
    spec = SandboxSpec(str(uuid.uuid4()), deployment, volume, gateway, limits=SMALL)
    finished = await manager.run_once(spec, ("python", "-m", "sandbox.probe", json.dumps(plan)), timeout=120)
    greeter.close()
    shutil.rmtree(gateway.parent)
    assert finished.exit_code == 0, finished.output
    return parse(finished.output)


@pytest.mark.parametrize("attempt", [name for name in probe.names() if not name.startswith("can_")])
def test_refused(results: dict[str, Result], attempt: str) -> None:
    assert results[attempt]["refused"] is True, results[attempt]["detail"]


@pytest.mark.parametrize("attempt", [name for name in probe.names() if name.startswith("can_")])
def test_control_succeeds(results: dict[str, Result], attempt: str) -> None:
    assert results[attempt]["refused"] is False, results[attempt]["detail"]


def test_every_limit_was_really_reached(results: dict[str, Result]) -> None:
    """The refusals come from the limits, and not from something that failed before."""
    assert "No space left" in results["fill_tmp"]["detail"]
    assert "-9" in results["fill_memory"]["detail"], "killed by the memory limit"
    started = int(results["fork_bomb"]["detail"].split()[-2])
    assert SMALL.pids / 2 < started <= SMALL.pids


BREACHES = (
    "write_root",
    "fill_tmp",
    "find_shell",
    "read_host_files",
    "execute_from_tmp",
    "execute_from_memory",
    "be_another_user",
    "hold_effective_capability",
    "hold_bounding_capability",
    "gain_privileges_by_exec",
    "run_without_filter",
    "dump_core",
    "unshare_network",
    "unshare_mount",
    "mount_by_new_calls",
    "change_root",
    "raw_socket",
    "packet_socket",
    "netlink_socket",
    "reach_addresses",
    "reach_host_sockets",
    "see_host_processes",
    "kill_others",
    "trace_process",
    "read_process_memory",
    "load_bpf",
    "write_kernel_settings",
    "fork_bomb",
    "raise_own_limits",
)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="breaks out of nothing only as root on Linux")
def test_probe_notices_a_breach(plan: dict[str, Any]) -> None:
    """Run on the bare host as root, the same attempts succeed: so a refusal inside means something."""
    bare = {**plan, "only": BREACHES}
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.probe", json.dumps(bare)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = parse(done.stdout)
    assert {name for name in BREACHES if found[name]["refused"] is not False} == set(), found
