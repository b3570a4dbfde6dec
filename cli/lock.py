"""One `coco up` per state directory. The lock goes with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.errors import Fix


class InUse(Fix):
    """Another process holds the state directory."""


@contextmanager
def held(path: Path, what: str = "coco up") -> Iterator[None]:
    """Holds the lock. Raises InUse that names the holder."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process"
            raise InUse(
                f"{path.parent} is in use by `{holder}`: stop that first, or name another directory with "
                "--state-dir or COCO_STATE_DIR"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{what} (pid {os.getpid()})".encode(), 0)
        yield
    finally:
        os.close(descriptor)
