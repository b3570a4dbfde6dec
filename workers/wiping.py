"""Emptying a sandbox's volume after a revocation: everything but the key store, and the revoked key out of that.

The sandbox is stopped, so nothing changes meanwhile. But it was hostile while it ran: names may be links, sockets or
folders without end. Nothing here follows a link, opens what is not a plain file, or goes down into a tree: how deep one
is must not decide whether it can be removed.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID, uuid4

from workers.keystore import FILE_NAME

MAX_KEY_STORE = 4_000_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def empty(volume: Path, revoked: Iterable[UUID]) -> None:
    """Removes all but the key store, and from that the credentials of `revoked`. Raises OSError."""
    try:
        folder = os.open(volume, _FOLDER)
    except FileNotFoundError:
        return  # it never started
    try:
        for name in os.listdir(folder):
            told = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if name == FILE_NAME and stat.S_ISREG(told.st_mode):
                continue
            _drop(folder, name)
        _forget(folder, {str(item) for item in revoked})
        os.fsync(folder)
    finally:
        os.close(folder)


def remove(folder: Path) -> None:
    """Removes a folder with all that is in it; no change where there is none. Raises OSError."""
    try:
        opened = os.open(folder, _FOLDER)
    except FileNotFoundError:
        return
    try:
        for name in os.listdir(opened):
            _drop(opened, name)
    finally:
        os.close(opened)
    os.rmdir(folder)


def _drop(folder: int, name: str) -> None:
    """Removes one entry of an open folder. What is in a folder is moved up first, so that none is ever deep: a tree of
    thousands of levels takes two descriptors and no stack."""
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if not _is_folder(folder, one):
            os.unlink(one, dir_fd=folder)
            continue
        inside = os.open(one, _FOLDER, dir_fd=folder)
        try:
            for child in os.listdir(inside):
                if _is_folder(inside, child):
                    waiting.append(f".gone-{uuid4().hex}")
                    os.rename(child, waiting[-1], src_dir_fd=inside, dst_dir_fd=folder)
                else:
                    os.unlink(child, dir_fd=inside)
        finally:
            os.close(inside)
        os.rmdir(one, dir_fd=folder)


def _is_folder(parent: int, name: str) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


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
