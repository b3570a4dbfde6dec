"""What every process that holds keys does to itself: coco.processes."""

from __future__ import annotations

import json
import subprocess
import sys

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
