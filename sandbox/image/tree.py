"""Which of the project's own files go into a sandbox, and a name for exactly that content.

Only what the activity worker runs: nothing of the store, the API, the control worker or the gateway.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

PACKAGES = ("coco", "activities")
"""Taken whole, but for `EXCLUDED`."""

FILES = (
    "workers/__init__.py",
    "workers/hermes.py",
    "workers/hermes_*.py",
    "workers/hermes/**/*",
    "sandbox/__init__.py",
    "sandbox/forwarder.py",
    "sandbox/probe.py",
    "sandbox/launch.py",
)
"""Single files (glob patterns below the project's root)."""

EXCLUDED = ("activities/trusted", "activities/trusted.py")
"""Activities of the control worker: they reach the store."""

_SUFFIXES = {".py", ".json", ".lark", ".toml", ".txt", ".html"}


def project_files(root: Path = ROOT) -> Iterator[Path]:
    """The files, relative to `root`, in a fixed order. Links are not followed."""
    chosen: set[Path] = set()
    for pattern in (*(f"{package}/**/*" for package in PACKAGES), *FILES):
        for path in root.glob(pattern):
            relative = path.relative_to(root)
            if path.is_symlink() or not path.is_file() or path.suffix not in _SUFFIXES:
                continue
            if "__pycache__" in relative.parts or any(relative.is_relative_to(name) for name in EXCLUDED):
                continue
            chosen.add(relative)
    return iter(sorted(chosen))


def copy_project(target: Path, root: Path = ROOT) -> None:
    """Copy the project's files below `target`, readable by everybody."""
    for relative in project_files(root):
        destination = target / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / relative, destination)
        destination.chmod(0o644)


def digest(*others: bytes, root: Path = ROOT) -> str:
    """SHA-256 over the project's files (names and content) and `others`, in hex."""
    total = hashlib.sha256()
    for relative in project_files(root):
        total.update(f"{relative}\0".encode())
        total.update(hashlib.sha256((root / relative).read_bytes()).digest())
    for other in others:
        total.update(hashlib.sha256(other).digest())
    return total.hexdigest()
