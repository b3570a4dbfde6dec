"""`coco up` as a person has it: in a terminal, which may be closed."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.cli.running import COCO, PATIENCE, Up, clean_env, state_dir, still_running, until

pytestmark = pytest.mark.usefixtures("sandboxes")


class Screen:
    """The terminal's other side: what is shown on it, and keys pressed."""

    def __init__(self, master: int) -> None:
        self.shown = b""
        self._master = master
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        # Never blocked in a read: a descriptor in use by one would keep the terminal open.
        while not self._closing.is_set():
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self._master, 65536)
                except OSError:
                    return

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        self._closing.set()
        self._reader.join()
        os.close(self._master)


def _start(up: Up) -> Screen:
    """Starts it as the leader of a session with a terminal."""
    master, slave = pty.openpty()
    up.process = subprocess.Popen(
        [str(COCO), "up", "--state-dir", str(up.state)],
        env=clean_env(TERM="xterm", COLUMNS="100"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd="/",
        start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(slave), os.O_RDWR)),  # becomes its controlling terminal
    )
    os.close(slave)
    screen = Screen(master)
    until(lambda: b"Coco is up" in screen.shown, "the table")
    return screen


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """One for both tests: each starts it and sees it end."""
    with state_dir() as up:
        yield up


def test_the_password_is_shown_and_ctrl_c_stops_everything(up: Up) -> None:
    screen = _start(up)
    until(lambda: (up.state / "keys" / "demo-password").read_bytes() in screen.shown, "the password")
    family = up.family()
    screen.press(b"\x03")
    assert up.process is not None
    assert up.process.wait(PATIENCE) == 0
    up.process = None
    assert still_running(family) == []
    screen.close()


def test_a_closed_terminal_stops_everything_in_order(up: Up, sandboxes: str) -> None:
    screen = _start(up)
    until((up.state / "demo" / "set-up.json").exists, "the demo's account, with its sandbox")
    family = up.family()
    screen.close()
    assert up.process is not None
    code = up.process.wait(PATIENCE)
    up.process = None
    assert still_running(family) == []
    assert code == 0, "it ended in order, so the sandbox was stopped too"
    assert code != -signal.SIGHUP
    if sandboxes == "docker":
        named = subprocess.run(
            ["docker", "ps", "--quiet", "--filter", f"label=coco.deployment={up.deployment}"],
            capture_output=True,
            text=True,
        )
        assert named.stdout == ""
