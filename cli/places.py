"""Where one state directory keeps what.

state/keys/        the deployment's keys, the embedded Postgres' owner password, the demo account's password
state/postgres/    the embedded Postgres
state/temporal/    the embedded Temporal server's database
state/demo/        the demo workspace, and what was connected to it
state/logs/        one log per process
state/volumes/, state/sandboxes/   the sandboxes' volumes, and what bubblewrap keeps
state/run/         sockets, unless the state directory's path is too long for them
state/lock, state/ports.json, state/children.json   the running `coco up`
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cli.errors import Fix
from coco.settings import Settings

LONGEST_SOCKET = 107
"""Bytes that the kernel takes for a unix socket's path (sun_path without its NUL)."""
_GATEWAY_SOCKET = "/00000000-0000-0000-0000-000000000000/gateway.sock"
_POSTGRES_SOCKET = "/.s.PGSQL.5432"


@dataclass(frozen=True)
class Places:
    """The paths of one state directory, absolute and without links."""

    state: Path
    short: Path
    """A folder with a short path for sockets; used, and made, only where the state directory's is too long."""
    run_override: Path | None = None

    @property
    def keys(self) -> Path:
        return self.state / "keys"

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def temporal(self) -> Path:
        return self.state / "temporal"

    @property
    def demo(self) -> Path:
        return self.state / "demo"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def ports(self) -> Path:
        return self.state / "ports.json"

    @property
    def children(self) -> Path:
        return self.state / "children.json"

    @property
    def run(self) -> Path:
        """The gateway's run directory."""
        return self.run_override or self._fitting("run", _GATEWAY_SOCKET)

    @property
    def postgres_socket(self) -> Path:
        """The folder of the embedded Postgres' socket."""
        return self._fitting("postgres/socket", _POSTGRES_SOCKET)

    def _fitting(self, name: str, longest: str) -> Path:
        within = self.state / name
        fits = len(os.fsencode(within)) + len(longest) <= LONGEST_SOCKET
        return within if fits else self.short / name.rpartition("/")[2]

    def make(self) -> None:
        """Makes the folders. Raises Fix where one cannot be made or belongs to somebody else."""
        make_own(self.state)
        for folder in (self.keys, self.logs, self.demo, self.temporal):
            make_own(folder, passable=False)
        if self.short in {self.run.parent, self.postgres_socket.parent}:
            make_own(self.short)


def places(settings: Settings) -> Places:
    """The places that settings name."""
    state = settings.state_dir.expanduser().resolve()
    runtime = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    override = settings.run_dir_override
    return Places(state, Path(runtime).resolve() / f"coco-{short_id(state)}", override.resolve() if override else None)


def short_id(state: Path) -> str:
    """Eight hex digits that tell this state directory from every other on the machine."""
    return hashlib.sha256(os.fsencode(state)).hexdigest()[:8]


def deployment_of(settings: Settings) -> str:
    """The deployment's name; where none was given, one of this state directory's own."""
    if "deployment" in settings.model_fields_set:
        return settings.deployment
    return f"{settings.deployment}-{short_id(places(settings).state)}"


def make_own(folder: Path, *, passable: bool | None = None) -> None:
    """Makes a folder that nobody else can list. Raises Fix.

    `passable` (the default where root runs Coco): others may pass through to what is theirs inside, as Postgres must,
    which refuses to run as root.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise Fix(f"{folder} must be a directory: remove what is there, or name another with COCO_STATE_DIR")
        if status.st_uid != os.geteuid():
            raise Fix(
                f"{folder} belongs to another user (uid {status.st_uid}): run Coco as that user, or name another "
                "directory with COCO_STATE_DIR"
            )
        folder.chmod(0o711 if (os.geteuid() == 0 if passable is None else passable) else 0o700)
    except (FileExistsError, NotADirectoryError):
        raise Fix(f"{folder} must be a directory: name another with COCO_STATE_DIR") from None
    except OSError as error:
        raise Fix(f"{folder} cannot be used ({error.strerror}): name another directory with COCO_STATE_DIR") from None
