"""The supervisor by itself: order, readiness, restarts with an end, and children that never outlive it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli.errors import Fix
from cli.up import waiting
from cli.up.children import Child, Register, Spec, stop_left_over
from cli.up.logs import KEPT, LogFile, Terminal
from cli.up.supervisor import RESTARTS_A_MINUTE, Supervisor
from tests.cli.running import PATIENCE, still_running, until

ENV = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}


def _spec(name: str, code: str, ready: str = "ready", seconds: float = PATIENCE) -> Spec:
    return Spec(name, (sys.executable, "-c", code), ENV, waiting.line(ready), ready_seconds=seconds)


SLEEPER = "import time; print('ready'); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)"


@pytest.fixture
async def supervisor(tmp_path: Path) -> Supervisor:
    return Supervisor(tmp_path, Register(tmp_path / "children.json"), Terminal())


async def test_what_was_started_last_is_stopped_first(supervisor: Supervisor) -> None:
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)

    for name in ("one", "two", "three"):
        supervisor.on_stop(name, lambda name=name: note(name))
    await supervisor.stop()
    assert order == ["three", "two", "one"]


async def test_a_step_that_fails_hinders_no_other(supervisor: Supervisor) -> None:
    done: list[str] = []

    async def fails() -> None:
        raise OSError("no")

    async def works() -> None:
        done.append("first")

    supervisor.on_stop("first", works)
    supervisor.on_stop("second", fails)
    await supervisor.stop()
    assert done == ["first"]


async def test_one_that_ends_at_its_start_names_its_log(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(Fix, match=r"broken ended at its start \(exit code 3\).*broken\.log.*no such thing"):
        await supervisor.start(_spec("broken", "print('no such thing'); raise SystemExit(3)"))
    await supervisor.stop()
    assert "no such thing" in (tmp_path / "broken.log").read_text()


async def test_somebody_elses_port_makes_nothing_ready(supervisor: Supervisor) -> None:
    """Else the demo's password would go to whoever listens there."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        taken = Spec("late", (sys.executable, "-c", SLEEPER), ENV, waiting.listening(port), ready_seconds=1)
        with pytest.raises(Fix, match="late was not ready within 1 s"):
            await supervisor.start(taken)
    await supervisor.stop()


async def test_a_port_of_its_own_makes_it_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    told = tmp_path / "port"
    code = (
        "import pathlib, socket, time; server = socket.create_server(('127.0.0.1', 0));"
        f"told = pathlib.Path({str(told)!r}); new = told.with_suffix('.new');"
        "new.write_text(str(server.getsockname()[1])); new.replace(told); time.sleep(600)"
    )

    async def ready(child: Child) -> None:
        await waiting.file(told)(child)
        await waiting.listening(int(told.read_text()))(child)

    await supervisor.start(Spec("server", (sys.executable, "-c", code), ENV, ready, ready_seconds=PATIENCE))
    await supervisor.stop()


async def test_one_that_is_never_ready_is_stopped(supervisor: Supervisor) -> None:
    with pytest.raises(Fix, match="was not ready within 1 s"):
        await supervisor.start(_spec("slow", SLEEPER, ready="never printed", seconds=1))
    left = [process for _, process in Register.left_over(supervisor.register._path)]
    assert len(left) == 1
    await supervisor.stop()
    assert still_running(left) == []


async def test_one_that_keeps_dying_ends_everything(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.up.supervisor.FIRST_DELAY", 0.01)
    await supervisor.start(_spec("weak", "print('ready')"))
    with pytest.raises(Fix, match=f"weak ended {RESTARTS_A_MINUTE + 1} times within a minute"):
        await asyncio.wait_for(supervisor.wait(), PATIENCE)
    await supervisor.stop()


async def test_grandchildren_end_with_their_parent(supervisor: Supervisor) -> None:
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    await supervisor.start(_spec("parent", code + "print('ready'); time.sleep(600)"))
    ((_, parent),) = Register.left_over(supervisor.register._path)
    family = [parent, *parent.children(recursive=True)]
    assert len(family) == 2
    await supervisor.stop()
    assert still_running(family) == []


async def test_one_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.up.children.GRACE_SECONDS", 0.2)
    log = LogFile(tmp_path / "stubborn.log")
    child = await Child.start(_spec("stubborn", STUBBORN), log, lambda name, line: None)
    await child.wait_ready(log.path)
    await child.stop()
    assert child.process.returncode == -signal.SIGKILL
    log.close()


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    script = f"""
import asyncio
from pathlib import Path
from cli.up import waiting
from cli.up.children import Register, Spec
from cli.up.logs import Terminal
from cli.up.supervisor import Supervisor

async def main():
    supervisor = Supervisor(Path({str(tmp_path)!r}), Register(Path({str(tmp_path / "children.json")!r})), Terminal())
    await supervisor.start(Spec("sleeper", {(sys.executable, "-c", SLEEPER)!r}, {ENV!r}, waiting.line("ready")))
    print("started", flush=True)
    await supervisor.wait()

asyncio.run(main())
"""
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as supervisor:
        assert supervisor.stdout is not None
        until(lambda: b"started" in supervisor.stdout.readline(), "the child")  # type: ignore[union-attr]
        left = Register.left_over(tmp_path / "children.json")
        supervisor.kill()
    assert len(left) == 1
    assert still_running([process for _, process in left]) == []


def test_what_another_start_left_is_stopped_and_a_reused_pid_is_not(tmp_path: Path) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        started = psutil.Process(left.pid).create_time()
        (tmp_path / "children.json").write_text(
            f'[{{"name": "left", "pid": {left.pid}, "started": {started}}},'
            f' {{"name": "other", "pid": {bystander.pid}, "started": {started - 1000}}}]'
        )
        assert stop_left_over(tmp_path / "children.json", seconds=1) == ["left"]
        assert left.poll() is not None
        assert bystander.poll() is None
    finally:
        for process in (bystander, left):
            process.kill()
            process.wait()


def test_logs_are_rotated_at_each_start(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        log = LogFile(tmp_path / "part.log")
        log.write(f"start {number}")
        log.close()
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["part.log", *(f"part.log.{number}" for number in range(1, KEPT + 1))]
    assert (tmp_path / "part.log").read_text() == f"start {KEPT + 2}\n"
    assert (tmp_path / "part.log.1").read_text() == f"start {KEPT + 1}\n"
