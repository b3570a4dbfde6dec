"""The run directory: one folder per user with a socket and a token, and the gateway's own socket and lock.

run/                 0711 (started by root), else 0700
run/admin.sock       0600: the control worker asks for listeners here
run/gateway.lock     held while a gateway runs on this directory
run/<user id>/       0750 root:10001 (started by root), else 0700; mounted read-only into the sandbox at /run/coco
run/<user id>/gateway.sock   0600, owned by uid 10001
run/<user id>/token          0400, owned by uid 10001
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from sandbox.container import GID, UID

SOCKET_NAME = "gateway.sock"
TOKEN_NAME = "token"  # noqa: S105  (a file name)
ADMIN_NAME = "admin.sock"
LOCK_NAME = "gateway.lock"

LONGEST_ADDRESS = 107
"""Bytes that the kernel takes for a unix socket's path (sun_path without its NUL)."""


class GatewayRunning(Exception):
    """Another gateway serves this run directory."""


def make_run_dir(run_dir: Path) -> Path:
    """The run directory, made where it is missing. Root's lets others pass through, so that uid 10001 can be let in
    to its own folder; nobody but its owner can list it."""
    run_dir = run_dir.absolute()
    run_dir.mkdir(parents=True, exist_ok=True)
    _plain_folder(run_dir)
    run_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return run_dir


def make_user_dir(run_dir: Path, user_id: UUID) -> Path:
    """A user's folder. What runs as uid 10001 can enter it and nothing else; it can write nothing there."""
    folder = run_dir.absolute() / str(user_id)
    folder.mkdir(mode=0o700, exist_ok=True)
    _plain_folder(folder)
    if os.geteuid() == 0:
        os.chown(folder, 0, GID)
        folder.chmod(0o750)
    else:
        folder.chmod(0o700)
    return folder


def give_to_sandbox(path: Path, mode: int) -> None:
    """Lets uid 10001 alone use a file or socket (root may anyway)."""
    if os.geteuid() == 0:
        os.chown(path, UID, GID, follow_symlinks=False)
    path.chmod(mode)


def _plain_folder(folder: Path) -> None:
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{folder} must be a directory, not a link or a file: remove it")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to uid {status.st_uid}, not to the gateway's {os.geteuid()}")


@contextlib.contextmanager
def only_gateway(run_dir: Path) -> Iterator[None]:
    """Held while a gateway serves `run_dir`; gone with its process, however that ends. Raises GatewayRunning."""
    descriptor = os.open(run_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GatewayRunning(
                f"a gateway already serves {run_dir}: stop it, or give this one another COCO_STATE_DIR"
            ) from error
        yield
    finally:
        os.close(descriptor)


class SocketAddress:
    """gRPC's name for a socket in a folder, whatever the folder's length; `close` when no longer used.

    A path too long for the kernel is reached through the folder's open descriptor in /proc instead.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        plain = os.fsencode(path.absolute())
        if len(plain) <= LONGEST_ADDRESS:
            self.target = f"unix:{path.absolute()}"
        else:
            self._descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            self.target = f"unix:/proc/self/fd/{self._descriptor}/{path.name}"

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def remove_stale_socket(path: Path) -> None:
    """Removes the socket that a killed gateway left. Call it only while holding `only_gateway`."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} is in the way and is no socket: remove it")
        path.unlink()


@contextlib.contextmanager
def private_umask() -> Iterator[None]:
    """New sockets are for their owner alone from their first moment on."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
