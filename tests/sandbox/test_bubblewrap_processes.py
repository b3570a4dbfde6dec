"""A bubblewrap sandbox's processes are kept in hand: records, pids that are really ours, the first process's checks."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import bubblewrap_kind, launch
from sandbox.bubblewrap_kind import BubblewrapSandbox, _clear
from sandbox.container import SandboxError, SandboxSpec

pytestmark = pytest.mark.bubblewrap

MakeSpec = Callable[..., SandboxSpec]


@pytest.fixture
async def manager(managers: Any, deployment: str) -> BubblewrapSandbox:
    found: BubblewrapSandbox = await managers("bubblewrap", deployment)
    return found


async def test_a_pid_given_to_another_process_is_not_touched(manager: BubblewrapSandbox, make_spec: MakeSpec) -> None:
    """After a crash the record may name a pid that something else has by now."""
    spec = make_spec()
    await manager.start(spec)
    path = manager._state / f"{spec.user_id}.json"
    record = json.loads(path.read_text())
    await manager.stop(spec.user_id, kill=True)
    await asyncio.sleep(0.05)  # start times are told in ticks of 10 ms
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        path.write_text(json.dumps({**record, "pid": bystander.pid}))
        assert not await manager.alive(spec.user_id)
        assert spec.user_id not in [running.user_id for running in await manager.list()]
        await manager.stop(spec.user_id, kill=True)
        assert bystander.poll() is None
        assert not path.exists()
    finally:
        bystander.kill()
        bystander.wait()


async def test_a_stop_right_after_its_start_is_heard(
    manager: BubblewrapSandbox, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while its first process has no handler yet: it is never left to the kill after the grace."""
    sent: list[signal.Signals] = []
    signalled = signal.pidfd_send_signal

    def note(fd: int, number: signal.Signals) -> None:
        signalled(fd, number)
        sent.append(number)

    monkeypatch.setattr(bubblewrap_kind, "_GRACE_S", 60.0)
    monkeypatch.setattr(signal, "pidfd_send_signal", note)
    spec = make_spec()
    await manager.start(spec)
    await manager.stop(spec.user_id)
    assert sent == [signal.SIGTERM]
    assert not await manager.alive(spec.user_id)


@pytest.mark.parametrize(
    ("hard", "pattern", "told"),
    [(-1, "|/handler", "1"), (1, "|/handler", "1"), (0, "core", "0"), (0, "|/handler", "no"), (0, "@/socket", "no")],
)
def test_the_core_limit_is_never_raised(hard: int, pattern: str, told: str, tmp_path: Path) -> None:
    """A process of its own, since a limit that was lowered stays so."""
    named = tmp_path / "core_pattern"
    named.write_text(pattern)
    script = (
        "import resource, sys; from pathlib import Path; from sandbox.bubblewrap_kind import SandboxError, core_limit\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, int(sys.argv[1])))\n"
        "try: print(core_limit(Path(sys.argv[2])))\n"
        "except SandboxError as error: print('no' if 'allow 1 byte' in str(error) else error)\n"
    )
    command = [sys.executable, "-c", script, str(hard), str(named)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == told


STARTER = """
import asyncio, pickle, resource, sys
from pathlib import Path
from sandbox.container import detect
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
async def start():
    kind = await detect("bubblewrap", deployment=sys.argv[1], state_dir=Path(sys.argv[2]))
    await kind.start(pickle.load(sys.stdin.buffer))
asyncio.run(start())
"""


async def test_it_starts_where_no_dump_is_allowed_at_all(
    manager: BubblewrapSandbox, make_spec: MakeSpec, deployment: str, home: Path
) -> None:
    if Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "@")):
        pytest.skip("dumps go to a program here")
    spec = make_spec()
    command = [sys.executable, "-c", STARTER, deployment, str(home / "state")]
    subprocess.run(command, input=pickle.dumps(spec), check=True)
    try:
        assert await manager.alive(spec.user_id)
        pid = json.loads((manager._state / f"{spec.user_id}.json").read_text())["pid"]
        [line] = [line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "core file" in line]
        assert line.split()[4:6] == ["0", "0"]
    finally:
        await manager.stop(spec.user_id, kill=True)


async def test_a_record_from_before_a_reboot_is_not_believed(manager: BubblewrapSandbox, make_spec: MakeSpec) -> None:
    spec = make_spec()
    await manager.start(spec)
    path = manager._state / f"{spec.user_id}.json"
    record = path.read_text()
    path.write_text(json.dumps({**json.loads(record), "boot": str(uuid.uuid4())}))
    assert not await manager.alive(spec.user_id)
    path.write_text(record)
    assert await manager.alive(spec.user_id)
    await manager.stop(spec.user_id, kill=True)


async def test_a_damaged_record_is_an_error(manager: BubblewrapSandbox) -> None:
    user = str(uuid.uuid4())
    path = manager._state / f"{user}.json"
    path.write_text("{")
    try:
        with pytest.raises(SandboxError, match="record"):
            await manager.alive(user)
    finally:
        path.unlink()


async def test_a_starter_that_dies_before_its_note_leaves_nothing_running(
    manager: BubblewrapSandbox, make_spec: MakeSpec
) -> None:
    """The sandbox waits until it has been recorded; where that never comes, its command never runs."""
    spec = make_spec()
    spec.volume.chmod(0o777)
    log = manager._state / "unnoted.log"
    touch = ("python", "-c", "open('/data/ran', 'w')")
    name = f"{spec.deployment}-unnoted"
    started = manager._spawn(spec, touch, name, log)
    os.close(started.go_fd)  # what the kernel does when the starter dies
    assert started.monitor.wait(30) == launch.REFUSED
    assert not (spec.volume / "ran").exists()
    log.unlink()
    _clear(name)


def test_files_of_earlier_code_are_removed_when_nothing_runs(manager: BubblewrapSandbox) -> None:
    old, new = manager._state / "tree-old", manager._state / "tree-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    manager._forget_old_trees(current=manager._files()[0])
    assert not old.exists()
    assert new.exists()
    assert manager._files()[0].exists()
    new.rmdir()


async def test_the_log_file_stays_bounded(manager: BubblewrapSandbox, make_spec: MakeSpec) -> None:
    flood = "import signal\nfor n in range(8000): print('y' * 1000)\nprint('end', flush=True); signal.pause()"
    spec = make_spec(command=("python", "-c", flood))
    await manager.start(spec)
    path = manager._state / f"{spec.user_id}.log"
    while not (await manager.logs(spec.user_id)).endswith("end\n"):
        assert await manager.alive(spec.user_id)
    assert path.stat().st_size <= 1024 * 1024
    await manager.stop(spec.user_id, kill=True)


GOOD = """Uid:\t10001\t10001\t10001\t10001
Gid:\t10001\t10001\t10001\t10001
CapInh:\t0000000000000000
CapPrm:\t0000000000000000
CapEff:\t0000000000000000
CapBnd:\t0000000000000000
CapAmb:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
"""


def test_first_process_accepts_a_tight_sandbox() -> None:
    assert launch.complaints(GOOD, 10001, 10001) == []


@pytest.mark.parametrize("line", GOOD.splitlines())
def test_first_process_refuses_any_looser_one(line: str) -> None:
    name, value = line.split(":\t", 1)
    looser = GOOD.replace(line, f"{name}:\t" + value.translate(str.maketrans("0123", "1232")))
    assert [text.split()[0] for text in launch.complaints(looser, 10001, 10001)] == [name]
    missing = GOOD.replace(line + "\n", "")
    assert [text.split()[0] for text in launch.complaints(missing, 10001, 10001)] == [name]


def test_log_keeps_the_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    log = launch.Log(fd, 1000)
    for n in range(500):
        log.write(f"line {n}\n".encode())
        assert path.stat().st_size <= 1000
    log.write(b"z" * 5000 + b"end\n")
    os.close(fd)
    assert path.read_bytes().endswith(b"zend\n")
    assert path.stat().st_size <= 1000
