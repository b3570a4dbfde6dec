"""What every process that holds keys does to itself."""

from __future__ import annotations

import contextlib
import ctypes
import resource

NO_CORE = 1
"""RLIMIT_CORE in bytes. Smaller than any dump, so none is written; and unlike 0 it also keeps the kernel from piping
one to the host's crash handler (core(5), kernel/coredump.c)."""
_PR_SET_DUMPABLE = 4


def no_core_dumps() -> None:
    """From now on a crash of this process, or of its children, leaves nothing of its memory behind.

    Two ways, either of which is enough: the limit, which children keep; and the process' own mark, which ends at the
    next execve, and also keeps others of its user from reading its memory (prctl(2), ptrace(2)). Raises OSError.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    wanted = NO_CORE if hard == resource.RLIM_INFINITY else min(NO_CORE, hard)
    # A process without privileges may lower its limits and never raise them.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (wanted, wanted))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE, 0)")
