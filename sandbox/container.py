"""What a user's sandbox is, whatever makes it: its specification, what can be asked of it, and which kind serves here.

A sandbox outlives the process that started it. A later process finds it again by `Sandbox.list` and `Sandbox.alive`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from sandbox.limits import MIB, Limits
from sandbox.volume import TooLarge, measure

__all__ = [
    "GID",
    "UID",
    "Finished",
    "Limits",
    "Running",
    "Sandbox",
    "SandboxError",
    "SandboxSpec",
    "SandboxTimeout",
    "SandboxUnavailable",
    "VolumeTooLarge",
    "detect",
    "measure_volume",
]

UID = GID = 10001
"""Who everything inside runs as, and who owns the volume."""

OUTPUT_LIMIT = 1 * MIB
"""Bytes of a sandbox's output that are kept at most: what is inside is hostile, and could write for ever."""

BASE_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "HOME": "/data",
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin",
        "PYTHONPATH": "/opt/coco:/opt/coco/site-packages",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        # Without it `python -m` looks for modules in the working directory first, which the sandbox can write.
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
        "COCO_GATEWAY_DIR": "/run/coco",
    }
)
"""The whole environment inside, before a specification's own additions."""

_SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE", re.IGNORECASE)


class SandboxError(Exception):
    """A sandbox could not be started, stopped or asked; the message says what was wrong and what to do."""


class SandboxUnavailable(SandboxError):
    """Neither Docker nor bubblewrap can make sandboxes on this host; the message says what to install."""


class SandboxTimeout(SandboxError):
    """A program run inside took longer than its time; it was killed. `output` is what it had printed."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


class VolumeTooLarge(SandboxError):
    """The user's volume holds more than its limit; nothing is started on it until something is deleted."""


@dataclass(frozen=True)
class SandboxSpec:
    """One user's sandbox.

    user_id: UUID. deployment: this installation's short id, so that two installations on one host never touch each
    other's. volume: host directory, mounted read-write at /data; made at the start where it is not there yet.
    gateway_dir: host directory with `gateway.sock` and `token`, mounted read-only at /run/coco (the directory, so that
    a re-made socket is seen; it must let uid 10001 through to the socket). environment: no secrets. Raises ValueError
    where anything is amiss.
    """

    user_id: str
    deployment: str
    volume: Path
    gateway_dir: Path
    command: tuple[str, ...] = ("python", "-m", "workers.hermes")
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        check_deployment(self.deployment)
        volume, gateway = _plain_path(self.volume), _plain_path(self.gateway_dir)
        if not gateway.is_dir():
            raise ValueError(f"gateway_dir {gateway} is not a directory: the gateway makes it")
        if volume == gateway or volume in gateway.parents or gateway in volume.parents:
            raise ValueError(f"volume {volume} and gateway_dir {gateway} must not lie within each other")
        if not self.command or any(not isinstance(word, str) or "\0" in word for word in self.command):
            raise ValueError("command must be one or more words without NUL")
        for name, value in self.environment.items():
            if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", name) or "\0" in value:
                raise ValueError(f"not an environment variable for a sandbox: {name!r}")
            if _SECRET_NAME.search(name):
                raise ValueError(f"{name} looks like a secret: no secret goes into a sandbox's environment")
            if name in BASE_ENVIRONMENT or name.startswith(("LD_", "PYTHON", "GLIBC_", "MALLOC_")):
                raise ValueError(f"{name} is the sandbox's own and cannot be set")

    @property
    def name(self) -> str:
        return container_name(self.deployment, self.user_id)

    @property
    def full_environment(self) -> dict[str, str]:
        return {**BASE_ENVIRONMENT, **self.environment}

    def digest(self, tree: str) -> str:
        """SHA-256 over this specification and `tree`, which names the exact files inside: what runs is replaced when
        either changes."""
        content = {
            **asdict(self),
            "volume": str(self.volume),
            "gateway_dir": str(self.gateway_dir),
            "environment": self.full_environment,
            "tree": tree,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Running:
    """A sandbox that runs. `id` is Docker's container id or the host pid of its first process; `limits_kept_by` is
    "docker", "cgroup", "systemd" or, weaker, "rlimit" (see docs/sandbox.md)."""

    user_id: str
    deployment: str
    kind: str
    id: str
    spec_hash: str
    limits_kept_by: str


@dataclass(frozen=True)
class Finished:
    """A program that ran inside and ended; `output` is standard output and error together, its last MiB."""

    exit_code: int
    output: str


Listing = list[Running]  # a class with a method called `list` cannot say `list[...]` itself


class Sandbox(Protocol):
    """Starts and stops the sandboxes of one deployment on this host. Every method may raise SandboxError."""

    @property
    def kind(self) -> str:
        """ "docker" or "bubblewrap"."""

    async def start(self, spec: SandboxSpec) -> Running:
        """The user's sandbox: the running one where its specification is the same, else a new one in its place.

        Raises VolumeTooLarge. It may end at any time afterwards: ask `alive`, read `logs`.
        """

    async def stop(self, user_id: str, *, kill: bool = False) -> None:
        """End it (at once with `kill`, else after up to ten seconds' grace). No error where none runs."""

    async def alive(self, user_id: str) -> bool: ...

    async def list(self) -> Listing:
        """This deployment's only."""

    async def logs(self, user_id: str, lines: int = 200) -> str:
        """Its last lines, without control characters; empty where there was none."""

    async def run_once(self, spec: SandboxSpec, command: tuple[str, ...], timeout: float) -> Finished:  # noqa: ASYNC109
        """Run a program inside the same hardening, beside the user's sandbox if that runs. Raises SandboxTimeout."""


def container_name(deployment: str, user_id: str) -> str:
    return f"coco-{deployment}-{user_id}"


def check_user_id(user_id: str) -> str:
    """The id, if it is a UUID in its canonical text. Raises ValueError."""
    try:
        canonical = str(uuid.UUID(user_id))
    except (ValueError, AttributeError, TypeError):
        canonical = ""
    if not canonical or canonical != user_id:
        raise ValueError(f"user_id must be a UUID in lower-case text form, not {user_id!r}")
    return user_id


def check_deployment(deployment: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]{1,32}", deployment):
        raise ValueError(f"deployment must be 1 to 32 of a-z, 0-9 and '-', not {deployment!r}")
    return deployment


def _plain_path(path: Path) -> Path:
    """The path itself, checked: absolute, no link anywhere in it, at least two levels deep."""
    if not path.is_absolute() or len(path.parts) < 3:
        raise ValueError(f"{path} must be an absolute path at least two levels below the root")
    if "\0" in str(path) or "\n" in str(path):
        raise ValueError(f"{path!r} holds a character that a mount cannot take")
    if path.resolve() != path:
        raise ValueError(f"{path} leads through a symbolic link or '..': give {path.resolve()}")
    return path


def measure_volume(volume: Path, limit_mb: int) -> int:
    """Bytes on disk below `volume`. Raises VolumeTooLarge (see `sandbox.volume.measure`)."""
    try:
        return measure(os.fspath(volume), limit_mb)
    except TooLarge as error:
        raise VolumeTooLarge(str(error)) from error


def clean_output(raw: bytes) -> str:
    """A sandbox's output as text for people: no control characters (they can drive a terminal), its last MiB."""
    text = raw[-OUTPUT_LIMIT:].decode("utf-8", errors="replace")
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "\N{REPLACEMENT CHARACTER}", text)


async def detect(
    prefer: str | None = None,
    *,
    deployment: str,
    state_dir: Path,
    log: Callable[[str], None] | None = None,
) -> Sandbox:
    """The kind of sandbox to use here: Docker where its daemon answers, else bubblewrap.

    `prefer` ("docker" or "bubblewrap") takes that one or none. `state_dir` is this deployment's own directory; only
    bubblewrap keeps files there. `log` is told of slow steps (building the image). Raises SandboxUnavailable.
    """
    check_deployment(deployment)
    say = log or (lambda line: None)
    if prefer not in (None, "docker", "bubblewrap"):
        raise SandboxUnavailable(f'sandbox kind must be "docker" or "bubblewrap", not {prefer!r}')
    reasons: list[str] = []
    if prefer in (None, "docker"):
        from sandbox.docker_kind import DockerSandbox

        try:
            return await DockerSandbox.connect(deployment, log=say)
        except SandboxUnavailable as error:
            reasons.append(f"Docker: {error}")
    if prefer in (None, "bubblewrap"):
        from sandbox.bubblewrap_kind import BubblewrapSandbox

        try:
            return await BubblewrapSandbox.connect(deployment, state_dir, log=say)
        except SandboxUnavailable as error:
            reasons.append(f"bubblewrap: {error}")
    raise SandboxUnavailable("no way to make sandboxes on this host. " + " ".join(reasons))
