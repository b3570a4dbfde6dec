"""The first process of a bubblewrap sandbox: gives up every privilege, checks that, then runs the command.

Run inside as `python -I -S launch.py PLAN`, standard library only. PLAN is JSON:
{"uid", "gid", "rlimits": {"RLIMIT_NOFILE": 1024, ...}, "core" (RLIMIT_CORE, 0 or 1), "log_fd",
"log_limit" (bytes), "go_fd", "command": [...]}.
It becomes process 1 of the sandbox's process namespace: it reaps, passes SIGTERM on, keeps the command's output in a
log of bounded size, and when the command ends, ends with its exit code and so ends everything inside.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import sys

REFUSED = 125
"""Exit code where the sandbox is not as tight as it must be; the log says why."""

_PR_SET_DUMPABLE = 4
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def drop_privileges(uid: int, gid: int) -> None:
    """From root (with setuid, setgid and setpcap) to `uid`, for good. For an ordinary user's sandbox, which is `uid`
    from the start, only the rest."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if os.getuid() == 0:
        capability = 0
        # The kernel answers EINVAL for the first number that it does not know.
        while (held := _libc.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0)) >= 0:
            if held:
                _prctl(_PR_CAPBSET_DROP, capability)
            capability += 1
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def complaints(status: str, uid: int, gid: int) -> list[str]:
    """What is wrong with this process, judged by its /proc/self/status; empty where all is as promised."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    wanted = dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16)
    wanted |= {"NoNewPrivs": "1", "Seccomp": "2"}
    wanted |= {"Uid": " ".join([str(uid)] * 4), "Gid": " ".join([str(gid)] * 4)}
    found = {name: " ".join(fields.get(name, "missing").split()) for name in wanted}
    return [f"{name} is {found[name]}, not {wanted[name]}" for name in wanted if found[name] != wanted[name]]


class Log:
    """A file that holds the last part of what is written to it, never more than `limit` bytes."""

    def __init__(self, fd: int, limit: int) -> None:
        self._fd, self._limit = fd, limit
        self._size = os.fstat(fd).st_size

    def write(self, data: bytes) -> None:
        try:
            if self._size + len(data) > self._limit:
                kept = os.pread(self._fd, self._limit // 2, max(0, self._size - self._limit // 2))
                os.ftruncate(self._fd, 0)
                os.lseek(self._fd, 0, os.SEEK_SET)
                self._size = os.write(self._fd, kept)
            self._size += os.write(self._fd, data[-self._limit // 2 :])
        except OSError:
            # A full disk loses output; it must not end the user's work.
            return


def supervise(child: int, output: int, log: Log) -> int:
    """Carry `output` to the log until the child has ended; reap whatever else ends. The child's exit code, or 128
    plus the signal that ended it."""
    waking, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(waking, False)
    os.set_blocking(output, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, frame: _pass_on(child, number))
    sources = [output, waking]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if output in ready and not _carry(output, log):
            sources.remove(output)
        if waking in ready:
            os.read(waking, 4096)
        code = _reap(child)
        if code is not None:
            while output in sources and _carry(output, log):
                continue
            return code


def _pass_on(child: int, number: int) -> None:
    try:
        os.kill(child, number)
    except ProcessLookupError:
        return


def _carry(output: int, log: Log) -> bool:
    """One read's worth; whether there may be more."""
    try:
        data = os.read(output, 65536)
    except BlockingIOError:
        return False
    if data:
        log.write(data)
    return bool(data)


def _reap(child: int) -> int | None:
    result = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return result
        if pid == 0:
            return result
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            result = code if code >= 0 else 128 - code


def main(plan: dict[str, object]) -> int:
    uid, gid, log_fd, go_fd = (int(str(plan[name])) for name in ("uid", "gid", "log_fd", "go_fd"))
    command, limits = plan["command"], plan["rlimits"]
    assert isinstance(command, list)
    assert isinstance(limits, dict)
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    drop_privileges(uid, gid)
    # Nothing inside may look into this process or open its log through /proc.
    _prctl(_PR_SET_DUMPABLE, 0)
    with open("/proc/self/status", encoding="ascii") as status:
        wrong = complaints(status.read(), uid, gid)
    core = int(str(plan["core"]))
    if core > 1 or resource.getrlimit(resource.RLIMIT_CORE) != (core, core):
        wrong.append(f"the core limit is {resource.getrlimit(resource.RLIMIT_CORE)}, not {core} byte")
    if wrong:
        print("the sandbox is not tight: " + "; ".join(wrong), file=sys.stderr)
        return REFUSED
    # The starter writes one byte once it has noted that this sandbox exists; died it before, nothing runs.
    if os.read(go_fd, 1) != b"g":
        return REFUSED
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    os.closerange(3, log_fd)
    os.closerange(log_fd + 1, most)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _run(command, writing)
    os.close(writing)
    return supervise(child, reading, Log(log_fd, int(str(plan["log_limit"]))))


def _run(command: list[str], output: int) -> None:
    """Become the command. Never returns."""
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        os.write(2, f"{command[0]} cannot be run: {error}\n".encode())
    finally:
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
