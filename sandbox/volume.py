"""A user's volume: how much it holds, and whose it is. Standard library only: it also runs inside (see docker_kind).

`python -m sandbox.volume FOLDER LIMIT_MB UID GID` gives FOLDER to UID and GID, then measures it; exit code 3 and a
line on standard output where it holds too much.
"""

from __future__ import annotations

import os
import stat
import sys

ENTRIES_LIMIT = 200_000
TOO_LARGE = 3
_MIB = 1024 * 1024


class TooLarge(Exception):
    """The volume holds more than its limit, or cannot be measured; the message says which."""


def measure(folder: str, limit_mb: int) -> int:
    """Bytes on disk below `folder`, following no link. Raises TooLarge beyond the limit, or beyond 200,000 entries, or
    where its folders are nested too deep to be read: what is there was written by a hostile sandbox."""
    total = entries = 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    status = entry.stat(follow_symlinks=False)
                    entries += 1
                    total += status.st_blocks * 512
                    if stat.S_ISDIR(status.st_mode):
                        waiting.append(entry.path)
                    if total > limit_mb * _MIB or entries > ENTRIES_LIMIT:
                        raise TooLarge(
                            f"{folder} holds more than {limit_mb} MiB or {ENTRIES_LIMIT} entries: "
                            "delete something there, or raise the limit"
                        )
        except OSError as error:
            raise TooLarge(f"{folder} cannot be measured ({error}): clear it up before starting") from error
    return total


def own(folder: str, uid: int, gid: int) -> None:
    """Give the folder itself, not what is in it, to `uid` and `gid`. Raises PermissionError where we are not root."""
    status = os.lstat(folder)
    if (status.st_uid, status.st_gid) != (uid, gid):
        os.chown(folder, uid, gid, follow_symlinks=False)


def main(folder: str, limit_mb: str, uid: str, gid: str) -> int:
    own(folder, int(uid), int(gid))
    try:
        measure(folder, int(limit_mb))
    except TooLarge as error:
        print(error)
        return TOO_LARGE
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
