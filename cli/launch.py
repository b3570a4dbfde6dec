"""Starts one program that ends when the process that started it does: `python launch.py PARENT USER SIGNAL -- COMMAND`.

Standard library only, since it runs before anything else: it may become another user (root only), asks the kernel to
send it SIGNAL when its parent dies (Linux), and becomes the program. So nothing of a killed `coco up` stays behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    parent, user, number, mark, *command = arguments
    if mark != "--" or not command:
        raise SystemExit("usage: launch.py PARENT USER SIGNAL -- COMMAND")
    if user:
        import pwd

        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        # After the change of user, which would clear it.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != int(parent):
        raise SystemExit("the process that started this is gone")
    # Python ignores it, and an ignored signal stays ignored in the program.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606 - the caller's own command


if __name__ == "__main__":
    main(sys.argv[1:])
