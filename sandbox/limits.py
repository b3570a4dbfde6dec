"""How much of the machine a sandbox may use, and the control groups that keep a bubblewrap sandbox to it.

Docker keeps the same limits itself. Both versions of the kernel's interface are spoken: v2 (one tree,
`/sys/fs/cgroup/cgroup.controllers`) and v1 (a tree per controller).
"""

from __future__ import annotations

import errno
import re
import time
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
NO_CORE = 1
"""RLIMIT_CORE inside, in bytes. Smaller than any dump, so none is written; and unlike 0 it also keeps the kernel from
piping one to the host's crash handler, which would read a hostile process as root (core(5), kernel/coredump.c)."""
_CPU_PERIOD_US = 100_000
_CONTROLLERS = ("memory", "pids", "cpu")


@dataclass(frozen=True)
class Limits:
    """Upper bounds of one sandbox. Sizes in MiB; `cpus` in cores; `pids` counts threads too.

    `volume_mb` is checked before a start and bounds every single file (RLIMIT_FSIZE) while it runs.
    """

    memory_mb: int = 512
    cpus: float = 1.0
    pids: int = 128
    tmp_mb: int = 64
    volume_mb: int = 1024
    files: int = 1024

    def __post_init__(self) -> None:
        bounds = {
            "memory_mb": (self.memory_mb, 64, 1 << 20),
            "cpus": (self.cpus, 0.05, 1024),
            "pids": (self.pids, 16, 1 << 16),
            "tmp_mb": (self.tmp_mb, 1, 1 << 20),
            "volume_mb": (self.volume_mb, 1, 1 << 24),
            "files": (self.files, 64, 1 << 20),
        }
        for name, (value, low, high) in bounds.items():
            if not low <= value <= high:
                raise ValueError(f"limits.{name} is {value}: it must be between {low} and {high}")


class CgroupsUnavailable(Exception):
    """This host lets us make no control groups with memory, pids and cpu limits; the message says why."""


@dataclass(frozen=True)
class Cgroup:
    """A control group: `folders` holds its one directory (v2) or one per controller (v1)."""

    folders: tuple[Path, ...]
    version: int

    @property
    def join_files(self) -> list[Path]:
        """Where a process writes its pid to be counted; what it starts from then on is counted with it."""
        return [folder / "cgroup.procs" for folder in self.folders]

    def pids(self) -> set[int]:
        found: set[int] = set()
        for path in self.join_files:
            try:
                found.update(int(line) for line in path.read_text("ascii").split())
            except FileNotFoundError:
                continue
        return found

    def remove(self, patience: float = 2.0) -> None:
        """Remove the emptied group. Raises OSError where processes are still in it after `patience` seconds."""
        deadline = time.monotonic() + patience
        for folder in self.folders:
            while True:
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError as error:
                    if error.errno != errno.EBUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.02)
                else:
                    break


def create(name: str, limits: Limits, root: Path = Path("/sys/fs/cgroup")) -> Cgroup:
    """Make (or set anew) the group `coco/<name>` with these limits.

    Raises CgroupsUnavailable where a controller is missing or may not be used.
    """
    if not re.fullmatch(r"[a-z0-9-]{1,128}", name):
        raise ValueError(f"not a name for a control group: {name!r}")
    try:
        if (root / "cgroup.controllers").exists():
            return _create_v2(name, limits, root)
        return _create_v1(name, limits, root)
    except OSError as error:
        raise CgroupsUnavailable(f"cannot set limits below {root}: {error}") from error


def _create_v2(name: str, limits: Limits, root: Path) -> Cgroup:
    missing = set(_CONTROLLERS) - set((root / "cgroup.controllers").read_text("ascii").split())
    if missing:
        raise CgroupsUnavailable(f"{root} offers no {', '.join(sorted(missing))} controller")
    enable = " ".join(f"+{controller}" for controller in _CONTROLLERS)
    parent = root / "coco"
    parent.mkdir(exist_ok=True)
    for folder in (root, parent):
        (folder / "cgroup.subtree_control").write_text(enable, "ascii")
    folder = parent / name
    folder.mkdir(exist_ok=True)
    settings = {
        "memory.max": str(limits.memory_mb * MIB),
        "memory.swap.max": "0",
        "pids.max": str(limits.pids),
        "cpu.max": f"{int(limits.cpus * _CPU_PERIOD_US)} {_CPU_PERIOD_US}",
    }
    _write(folder, settings, optional={"memory.swap.max"})
    return Cgroup((folder,), version=2)


def _create_v1(name: str, limits: Limits, root: Path) -> Cgroup:
    memory = str(limits.memory_mb * MIB)
    settings: dict[str, dict[str, str]] = {
        # The swap ceiling counts memory and swap together and may not lie below memory's: so it comes second.
        "memory": {"memory.limit_in_bytes": memory, "memory.memsw.limit_in_bytes": memory},
        "pids": {"pids.max": str(limits.pids)},
        "cpu": {
            "cpu.cfs_period_us": str(_CPU_PERIOD_US),
            "cpu.cfs_quota_us": str(int(limits.cpus * _CPU_PERIOD_US)),
        },
    }
    folders = []
    for controller in _CONTROLLERS:
        tree = root / controller
        if not (tree / "cgroup.procs").exists():
            raise CgroupsUnavailable(f"{root} offers no {controller} controller")
        folder = tree / "coco" / name
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder, settings[controller], optional={"memory.memsw.limit_in_bytes"})
        folders.append(folder)
    return Cgroup(tuple(folders), version=1)


def _write(folder: Path, settings: dict[str, str], optional: set[str]) -> None:
    for file, value in settings.items():
        path = folder / file
        if file in optional and not path.exists():
            continue  # a kernel without swap accounting has no swap limit to set
        path.write_text(value, "ascii")


def existing(name: str, root: Path = Path("/sys/fs/cgroup")) -> Cgroup | None:
    """The group `coco/<name>` as it is now, or None."""
    if not re.fullmatch(r"[a-z0-9-]{1,128}", name):
        raise ValueError(f"not a name for a control group: {name!r}")
    version = 2 if (root / "cgroup.controllers").exists() else 1
    trees = [root] if version == 2 else [root / controller for controller in _CONTROLLERS]
    folders = tuple(folder for tree in trees if (folder := tree / "coco" / name).is_dir())
    return Cgroup(folders, version) if folders else None
