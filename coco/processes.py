"""What every process that holds keys does to itself."""

from __future__ import annotations

import contextlib
import resource

NO_CORE = 1
"""RLIMIT_CORE in bytes. Smaller than any dump, so none is written; and unlike 0 it also keeps the kernel from piping
one to the host's crash handler (core(5), kernel/coredump.c)."""


def no_core_dumps() -> None:
    """From now on a crash of this process, or of its children, leaves nothing of its memory behind."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    wanted = NO_CORE if hard == resource.RLIM_INFINITY else min(NO_CORE, hard)
    # A process without privileges may lower its limits and never raise them.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (wanted, wanted))
