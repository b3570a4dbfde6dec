"""Sandboxes are started once, found again by another process, replaced when they change, and kept apart."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.container import Limits, Sandbox, SandboxSpec, SandboxTimeout, VolumeTooLarge, detect

MakeSpec = Callable[..., SandboxSpec]


@pytest.fixture
async def started(sandbox: Sandbox) -> AsyncIterator[Callable[[SandboxSpec], Any]]:
    users: list[str] = []

    async def start(spec: SandboxSpec) -> Any:
        users.append(spec.user_id)
        return await sandbox.start(spec)

    yield start
    for user in users:
        await sandbox.stop(user, kill=True)


async def wait_for_log(sandbox: Sandbox, user_id: str, text: str) -> str:
    async with asyncio.timeout(30):
        while text not in (log := await sandbox.logs(user_id)):
            await asyncio.sleep(0.05)
    return log


async def wait_until_dead(sandbox: Sandbox, user_id: str) -> None:
    async with asyncio.timeout(30):
        while await sandbox.alive(user_id):
            await asyncio.sleep(0.05)


async def test_starts_once(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    spec = make_spec()
    assert not await sandbox.alive(spec.user_id)
    first = await started(spec)
    again = await started(spec)
    assert again == first
    assert await sandbox.alive(spec.user_id)
    assert first in await sandbox.list()
    assert await wait_for_log(sandbox, spec.user_id, "up") == "up\n"


async def test_starting_at_the_same_time_makes_one(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    spec = make_spec()
    made = await asyncio.gather(*(started(spec) for _ in range(4)))
    assert len({running.id for running in made}) == 1
    assert [running.id for running in await sandbox.list() if running.user_id == spec.user_id] == [made[0].id]


async def test_is_replaced_when_its_specification_changes(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    spec = make_spec()
    first = await started(spec)
    second = await started(dataclasses.replace(spec, environment={"COCO_GREETING": "hello"}))
    assert second.id != first.id
    assert second.spec_hash != first.spec_hash
    assert [running for running in await sandbox.list() if running.user_id == spec.user_id] == [second]


async def test_starts_anew_after_it_died(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    spec = make_spec(command=("python", "-c", "print('last words'); raise SystemExit(3)"))
    first = await started(spec)
    await wait_until_dead(sandbox, spec.user_id)
    assert await wait_for_log(sandbox, spec.user_id, "last words")
    assert spec.user_id not in [running.user_id for running in await sandbox.list()]
    second = await started(spec)
    assert second.id != first.id


async def test_stop_ends_it_and_may_be_repeated(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    spec = make_spec()
    await started(spec)
    await sandbox.stop(spec.user_id)
    assert not await sandbox.alive(spec.user_id)
    assert await sandbox.logs(spec.user_id) == ""
    await sandbox.stop(spec.user_id)


async def test_stop_lets_the_command_finish_its_work(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    program = """
        import pathlib, signal, sys
        def end(number, frame):
            pathlib.Path("/data/ended").write_text("well")
            sys.exit()
        signal.signal(signal.SIGTERM, end)
        print("up", flush=True)
        signal.pause()
    """
    spec = make_spec(command=("python", "-c", textwrap.dedent(program)))
    await started(spec)
    await wait_for_log(sandbox, spec.user_id, "up")
    await sandbox.stop(spec.user_id)
    assert (spec.volume / "ended").read_text() == "well"


async def test_kill_does_not_ask(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    stubborn = "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    spec = make_spec(command=("python", "-c", stubborn))
    await started(spec)
    await wait_for_log(sandbox, spec.user_id, "up")
    await sandbox.stop(spec.user_id, kill=True)
    assert not await sandbox.alive(spec.user_id)


async def test_outlives_its_starter(sandbox: Sandbox, started: Any, make_spec: MakeSpec, home: Path) -> None:
    """Started by a process that is then killed, it goes on, and another process finds and stops it."""
    spec = make_spec()
    program = """
        import asyncio, json, os, pathlib, signal, sys
        from sandbox.container import SandboxSpec, detect
        told = json.loads(sys.argv[1])
        async def main():
            manager = await detect(told["kind"], deployment=told["deployment"], state_dir=pathlib.Path(told["state"]))
            spec = SandboxSpec(told["user"], told["deployment"], pathlib.Path(told["volume"]),
                               pathlib.Path(told["gateway"]), command=tuple(told["command"]))
            running = await manager.start(spec)
            print(running.id, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
    """
    told = {
        "kind": sandbox.kind,
        "deployment": spec.deployment,
        "state": str(home / "state"),
        "user": spec.user_id,
        "volume": str(spec.volume),
        "gateway": str(spec.gateway_dir),
        "command": spec.command,
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", textwrap.dedent(program), json.dumps(told)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert done.returncode == -9, done.stderr
    assert await sandbox.alive(spec.user_id)
    assert [running.id for running in await sandbox.list() if running.user_id == spec.user_id] == [done.stdout.strip()]
    assert await wait_for_log(sandbox, spec.user_id, "up")
    await sandbox.stop(spec.user_id)
    assert not await sandbox.alive(spec.user_id)


LOOK = """
import json, os, socket
with socket.socket(socket.AF_UNIX) as client:
    client.connect("/run/coco/gateway.sock")
    print(json.dumps({"data": os.listdir("/data"), "gateway": client.recv(100).decode(), "run": os.listdir("/run")}))
"""


async def test_two_users_see_only_their_own(sandbox: Sandbox, make_spec: MakeSpec) -> None:
    specs = [make_spec(), make_spec()]
    for spec in specs:
        (spec.volume / f"of-{spec.user_id}").write_text("x")
    done = await asyncio.gather(*(sandbox.run_once(spec, ("python", "-c", LOOK), timeout=60) for spec in specs))
    for spec, finished in zip(specs, done, strict=True):
        seen = json.loads(finished.output)
        assert seen["data"] == [f"of-{spec.user_id}"]
        assert seen["gateway"] == f"gateway of {spec.user_id}"
        assert seen["run"] == ["coco"]


async def test_two_deployments_do_not_see_each_other(
    sandbox: Sandbox, managers: Any, started: Any, make_spec: MakeSpec, home: Path
) -> None:
    spec = make_spec()
    mine = await started(spec)
    other: Sandbox = await managers(sandbox.kind, spec.deployment + "-b")
    assert not await other.alive(spec.user_id)
    assert await other.list() == []
    assert await other.logs(spec.user_id) == ""
    await other.stop(spec.user_id, kill=True)
    assert await sandbox.alive(spec.user_id)
    with pytest.raises(ValueError, match="deployment"):
        await other.start(spec)
    theirs = await other.start(dataclasses.replace(spec, deployment=spec.deployment + "-b"))
    assert theirs.id != mine.id
    await other.stop(spec.user_id, kill=True)
    assert await sandbox.list()


async def test_run_once_gives_code_and_output(sandbox: Sandbox, make_spec: MakeSpec) -> None:
    program = "import sys; print('to', 'out'); print('to err', file=sys.stderr); sys.exit(7)"
    finished = await sandbox.run_once(make_spec(), ("python", "-c", program), timeout=60)
    assert finished.exit_code == 7
    assert sorted(finished.output.splitlines()) == ["to err", "to out"]


async def test_run_once_ends_what_takes_too_long(sandbox: Sandbox, make_spec: MakeSpec) -> None:
    spec = make_spec()
    program = "import time; print('started', flush=True); time.sleep(600)"
    with pytest.raises(SandboxTimeout) as caught:
        await sandbox.run_once(spec, ("python", "-c", program), timeout=2)
    assert "started" in caught.value.output
    assert await sandbox.list() == [] or spec.user_id not in {running.user_id for running in await sandbox.list()}


async def test_output_is_bounded_and_harmless(sandbox: Sandbox, make_spec: MakeSpec) -> None:
    program = "for n in range(3_000_000 // 64): print('x' * 63)\nprint('\\x1b]0;title\\x07end')"
    finished = await sandbox.run_once(make_spec(), ("python", "-c", program), timeout=60)
    assert len(finished.output) <= 1024 * 1024
    assert finished.output.endswith("end\n")
    assert "\x1b" not in finished.output
    assert "\x07" not in finished.output


async def test_what_was_handed_to_the_starter_stays_outside(
    sandbox: Sandbox, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither the starter's environment nor its open files come in."""
    monkeypatch.setenv("COCO_MARKER", "from the host")
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    fd = os.open(secret, os.O_RDONLY)
    os.set_inheritable(fd, True)
    program = """
import os, json
found = {}
for n in range(3, 256):
    try:
        found[n] = str(os.fstat(n))
    except OSError:
        continue
print(json.dumps({"fds": found, "environment": dict(os.environ)}))
"""
    try:
        finished = await sandbox.run_once(
            make_spec(environment={"COCO_TASK_QUEUE": "q"}), ("python", "-c", program), timeout=60
        )
    finally:
        os.close(fd)
    seen = json.loads(finished.output)
    assert seen["fds"] == {}
    assert "COCO_MARKER" not in seen["environment"]
    assert seen["environment"]["COCO_TASK_QUEUE"] == "q"


async def test_a_full_volume_is_not_started_on(sandbox: Sandbox, make_spec: MakeSpec) -> None:
    spec = make_spec(limits=Limits(volume_mb=1))
    (spec.volume / "big").write_bytes(os.urandom(2 * 1024 * 1024))
    with pytest.raises(VolumeTooLarge, match="1 MiB"):
        await sandbox.start(spec)
    assert not await sandbox.alive(spec.user_id)


async def test_a_remade_gateway_socket_is_seen(sandbox: Sandbox, started: Any, make_spec: MakeSpec) -> None:
    from tests.sandbox.conftest import Greeter

    program = """
import os, socket, time
while not os.path.exists("/data/go"):
    time.sleep(0.05)
with socket.socket(socket.AF_UNIX) as client:
    client.connect("/run/coco/gateway.sock")
    print(client.recv(100).decode())
"""
    spec = make_spec(command=("python", "-c", program))
    await started(spec)
    (spec.gateway_dir / "gateway.sock").unlink()
    remade = Greeter(spec.gateway_dir, "made again")
    (spec.volume / "go").touch()
    assert "made again" in await wait_for_log(sandbox, spec.user_id, "made again")
    remade.close()


async def test_the_image_holds_what_the_worker_imports(sandbox: Sandbox, make_spec: MakeSpec) -> None:
    """Every module of the project inside can be imported with what is inside, and nothing else of the project is."""
    program = """
import importlib, os, pathlib
root = pathlib.Path("/opt/coco")
for path in sorted(root.rglob("*.py")):
    relative = path.relative_to(root)
    if relative.parts[0] == "site-packages" or relative.name in ("launch.py", "__main__.py"):
        continue
    name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    importlib.import_module(name)
print(sorted(os.listdir(root)))
for name in ("store", "api", "cli", "demo", "workflows.run", "sandbox.gateway", "sandbox.docker_kind"):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    print("there is", name)
"""
    finished = await sandbox.run_once(make_spec(), ("python", "-c", program), timeout=120)
    assert finished.exit_code == 0, finished.output
    assert "there is" not in finished.output


async def test_detect_refuses_an_unknown_kind(home: Path) -> None:
    from sandbox.container import SandboxUnavailable

    with pytest.raises(SandboxUnavailable, match="docker"):
        await detect("chroot", deployment="x", state_dir=home / "state")


async def test_stop_of_an_unknown_user_is_no_error(sandbox: Sandbox) -> None:
    await sandbox.stop(str(uuid.uuid4()))
