"""The packages inside a sandbox: a subset of the project's own lock file, so that the two never diverge.

`python -m sandbox.image.requirements` writes `requirements.txt` beside this file. Every entry is copied, hashes and
all, from `requirements.lock`; which ones follows from the metadata of the installed packages.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOTS = (
    "cryptography",
    "email-validator",
    "grpcio",
    "protobuf",
    "pydantic",
    "pydantic-settings",
    "pynacl",
    "rfc8785",
    "temporalio",
    "tzdata",
)
"""What the code inside imports by name. Everything else is there because one of these needs it."""

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""The image's Python may differ from the host's: a package that any of these needs is included."""

FILE = Path(__file__).parent / "requirements.txt"
LOCK = Path(__file__).parents[2] / "requirements.lock"
_HEADER = "# Made by `python -m sandbox.image.requirements` from requirements.lock. Do not edit.\n"


def closure(roots: tuple[str, ...] = ROOTS) -> list[str]:
    """Canonical names of `roots` and of all that they need on Linux, sorted.

    Raises `importlib.metadata.PackageNotFoundError` where one of them is not installed.
    """
    wanted: set[str] = set()
    waiting = [(canonicalize_name(root), frozenset[str]()) for root in roots]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        wanted.add(name)
        for text in metadata.requires(name) or []:
            requirement = Requirement(text)
            if _applies(requirement, extras):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return sorted(wanted)


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    for python in PYTHONS:
        for extra in extras or {""}:
            target = {
                "python_version": python,
                "python_full_version": python + ".0",
                "sys_platform": "linux",
                "platform_system": "Linux",
                "os_name": "posix",
                "implementation_name": "cpython",
                "platform_python_implementation": "CPython",
                "extra": extra,
            }
            if requirement.marker.evaluate(target):
                return True
    return False


def entries(lock: str) -> dict[str, str]:
    """The lock's entries by canonical name: `name==version` and its `--hash` lines, environment markers left out.

    The markers go because pip judges them by the Python it runs on, not by the one it installs for; `closure` has
    already judged them for every Python the image may have.
    """
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^#.*\n", "", lock)):
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", block)
        if match is None:
            continue
        hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}", block)
        found[canonicalize_name(match[1])] = " \\\n    ".join([f"{match[1]}=={match[2]}", *hashes])
    return found


def render(lock: str) -> str:
    """The text of `requirements.txt` for this lock. Raises LookupError where the lock misses a needed package."""
    locked = entries(lock)
    names = closure()
    missing = [name for name in names if name not in locked]
    if missing:
        raise LookupError(f"requirements.lock does not pin {', '.join(missing)}: run `make lock`")
    return _HEADER + "\n".join(locked[name] for name in names) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(LOCK.read_text("utf-8")), "utf-8")
