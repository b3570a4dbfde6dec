"""The limits written to the kernel's control groups, in both versions of its interface."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from sandbox import limits
from sandbox.limits import Limits

LIMITS = Limits(memory_mb=128, cpus=0.5, pids=32)


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    return tmp_path


def test_v2_settings(v2: Path) -> None:
    """Against a folder in the layout of a v2 tree: what is written where."""
    group = limits.create("d-user", LIMITS, v2)
    folder = v2 / "coco/d-user"
    assert group.join_files == [folder / "cgroup.procs"]
    assert (folder / "memory.max").read_text() == str(128 * 1024 * 1024)
    assert (folder / "pids.max").read_text() == "32"
    assert (folder / "cpu.max").read_text() == "50000 100000"
    assert (v2 / "coco/cgroup.subtree_control").read_text() == "+memory +pids +cpu"


def test_v2_without_a_controller_is_refused(v2: Path) -> None:
    (v2 / "cgroup.controllers").write_text("cpu pids\n")
    with pytest.raises(limits.CgroupsUnavailable, match="memory"):
        limits.create("d-user", LIMITS, v2)


def test_no_tree_is_refused(tmp_path: Path) -> None:
    with pytest.raises(limits.CgroupsUnavailable, match="memory"):
        limits.create("d-user", LIMITS, tmp_path)


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", "x" * 129])
def test_names_stay_below_the_tree(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="control group"):
        limits.create(name, LIMITS, tmp_path)
    with pytest.raises(ValueError, match="control group"):
        limits.existing(name, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes control groups")
def test_a_real_group_is_made_and_removed() -> None:
    name = f"test-{secrets.token_hex(6)}"
    try:
        group = limits.create(name, LIMITS)
    except limits.CgroupsUnavailable as error:
        pytest.skip(str(error))
    assert limits.existing(name) == group
    assert group.pids() == set()
    limit = next(path for folder in group.folders for path in folder.glob("pids.max"))
    assert limit.read_text().strip() == "32"
    group.remove()
    assert limits.existing(name) is None
    group.remove()
