"""Emptying a sandbox's volume after a revocation: everything but the key store, and the revoked key out of that.

The sandbox is stopped, so nothing changes meanwhile. But it was hostile while it ran: names may be links, sockets or
folders without end. Nothing here follows a link or opens what is not a plain file.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from workers.keystore import FILE_NAME

MAX_KEY_STORE = 4_000_000


def empty(volume: Path, revoked: Iterable[UUID]) -> None:
    """Removes all but the key store, and from that the credentials of `revoked`. Raises OSError."""
    if not shutil.rmtree.avoids_symlink_attacks:
        raise OSError("this system cannot remove a folder safely")
    try:
        folder = os.open(volume, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return  # it never started
    try:
        for name in os.listdir(folder):
            told = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if name == FILE_NAME and stat.S_ISREG(told.st_mode):
                continue
            if stat.S_ISDIR(told.st_mode):
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)
        _forget(folder, {str(item) for item in revoked})
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(folder: Path) -> None:
    """Removes a folder with all that is in it; no change where there is none. Raises OSError."""
    if not shutil.rmtree.avoids_symlink_attacks:
        raise OSError("this system cannot remove a folder safely")
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        if folder.exists():
            raise


def _forget(folder: int, revoked: set[str]) -> None:
    """Takes credentials out of the key store. One that is damaged stays: what is in it opens with no key of the user's
    but in the sandbox, which drops what is not connected any more."""
    try:
        file = os.open(FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return
    with os.fdopen(file, "rb") as reading:
        told = os.fstat(reading.fileno())
        raw = reading.read(MAX_KEY_STORE + 1)
    try:
        value = json.loads(raw) if len(raw) <= MAX_KEY_STORE else None
        kept = value["credentials"] if isinstance(value, dict) else None
    except (ValueError, KeyError, RecursionError):
        return
    if not isinstance(value, dict) or not isinstance(kept, dict) or not revoked & set(kept):
        return
    value["credentials"] = {name: entry for name, entry in kept.items() if name not in revoked}
    fresh = f".{FILE_NAME}.new"
    made = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
    with os.fdopen(made, "w") as writing:
        os.fchown(writing.fileno(), told.st_uid, told.st_gid)
        os.fchmod(writing.fileno(), stat.S_IMODE(told.st_mode))
        json.dump(value, writing)
        writing.flush()
        os.fsync(writing.fileno())
    os.rename(fresh, FILE_NAME, src_dir_fd=folder, dst_dir_fd=folder)
