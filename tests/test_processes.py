"""What every process that holds keys does to itself: coco.processes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

TELL = """
import ctypes, json, os, resource, sys
from coco.processes import no_core_dumps
libc = ctypes.CDLL(None)
soft, hard = (int(word) for word in sys.argv[1:])
resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
before = libc.prctl(3, 0, 0, 0, 0)
no_core_dumps()
child = os.fork()
if child == 0:
    os._exit(libc.prctl(3, 0, 0, 0, 0) * 2 + (max(resource.getrlimit(resource.RLIMIT_CORE)) > 1))
_, status = os.waitpid(child, 0)
print(json.dumps([before, libc.prctl(3, 0, 0, 0, 0), resource.getrlimit(resource.RLIMIT_CORE), status]))
"""
"""prctl 3 is PR_GET_DUMPABLE. Limits of -1 are none at all."""


@pytest.mark.parametrize(
    ("soft", "hard", "then"), [(-1, -1, [1, 1]), (0, -1, [1, 1]), (4096, 4096, [1, 1]), (0, 0, [0, 0])]
)
def test_neither_it_nor_its_children_may_be_dumped_whatever_its_parent_asked_for(
    soft: int, hard: int, then: list[int]
) -> None:
    command = [sys.executable, "-c", TELL, str(soft), str(hard)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after, limits, child = json.loads(done.stdout)
    assert (before, after) == (1, 0)
    assert limits == then
    assert child == 0


ENTRIES = {
    "gateway": ["-m", "sandbox.gateway"],
    "hermes": ["-m", "workers.hermes"],
    "control": ["-m", "workers.control"],
    "public": ["-m", "api.public"],
    "internal": ["-m", "api.internal"],
    "command": [str(Path(sys.executable).parent / "coco"), "up"],
}
"""Every process that has the master key or users' keys in its memory."""
NOT_OURS = ("cryptography", "fastapi", "grpc", "httpx", "psycopg", "pydantic", "sqlalchemy", "temporalio", "typer")
MARKER = "marker-of-a-master-key-0123456789"


def crashed(folder: Path, arguments: list[str]) -> tuple[int, int]:
    """The signal that ended a Python started by somebody who asks for dumps of any size, and how (os.CLD_...)."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "modules"), "COCO_MASTER_KEY": MARKER}
    careless = ["/bin/sh", "-c", 'ulimit -S -c "$(ulimit -H -c)"; exec "$@"', "sh", sys.executable, *arguments]
    process = subprocess.Popen(careless, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    told = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert told is not None
    process.wait()
    return -process.returncode, told.si_code


def holding_the_marker(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file() and MARKER.encode() in path.read_bytes()]


@pytest.fixture
def first_import_crashes(tmp_path: Path) -> Path:
    """A working folder in which the first import of anybody else's package is the end of the process."""
    for name in NOT_OURS:
        package = tmp_path / "modules" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("import os\nos.abort()\n")
    return tmp_path


@pytest.mark.parametrize("name", list(ENTRIES))
def test_a_crash_at_the_very_start_leaves_nothing_of_its_memory(first_import_crashes: Path, name: str) -> None:
    assert crashed(first_import_crashes, ENTRIES[name]) == (6, os.CLD_KILLED)
    assert not holding_the_marker(first_import_crashes)


def test_a_process_that_says_nothing_is_dumped_here(first_import_crashes: Path) -> None:
    """Otherwise the test above shows nothing."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("no process here may leave a dump")
    assert crashed(first_import_crashes, ["-c", "import pydantic"]) == (6, os.CLD_DUMPED)
    if Path("/proc/sys/kernel/core_pattern").read_text().strip() == "core":
        assert holding_the_marker(first_import_crashes)
