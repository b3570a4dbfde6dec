"""The system calls a sandbox may make: one allow-list, for Docker as JSON and for bubblewrap as a BPF program.

What is not named here fails with ENOSYS or EPERM. (`clone3` must be ENOSYS: the C library then falls back to `clone`,
whose flags a filter can read.) Stricter than Docker's own profile: no ptrace or process_vm_*, no kernel keyring, no
io_uring, no sockets but unix and internet ones, no user faults, no new namespaces, no mounts, no personality change.
"""

from __future__ import annotations

import errno
import json
import resource
import socket
from dataclasses import dataclass
from typing import Any, BinaryIO

_FILES = """
access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fremovexattr
fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr lchown lgetxattr link linkat
listxattr llistxattr lremovexattr lseek lsetxattr lstat mkdir mkdirat newfstatat open openat openat2 pread64 preadv
preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr rename renameat renameat2
rmdir sendfile setxattr splice stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask
unlink unlinkat utime utimensat utimes vmsplice write writev
"""
_MEMORY = """
brk madvise membarrier mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap
pkey_alloc pkey_free pkey_mprotect
"""
_PROCESSES = """
arch_prctl capget capset execve exit exit_group fork getcpu getegid geteuid getgid getgroups getpgid getpgrp
getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid getuid kill pidfd_open
pidfd_send_signal prctl rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo restart_syscall sched_getaffinity sched_getattr sched_getparam
sched_get_priority_max sched_get_priority_min sched_getscheduler sched_rr_get_interval sched_setaffinity
sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list get_robust_list set_tid_address
setfsgid setfsuid setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid setsid setuid
sigaltstack tgkill times tkill uname vfork wait4 waitid
"""
_WAITING = """
alarm clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2
epoll_wait eventfd eventfd2 futex futex_waitv futex_wait futex_wake futex_requeue getitimer gettimeofday
inotify_add_watch inotify_init inotify_init1 inotify_rm_watch nanosleep pause pipe pipe2 poll ppoll pselect6 select
setitimer signalfd signalfd4 time timer_create timer_delete timer_getoverrun timer_gettime timer_settime
timerfd_create timerfd_gettime timerfd_settime
"""
_SOCKETS = """
accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg sendmsg
sendto setsockopt shutdown
"""
_OTHER = "getrandom sysinfo"

ALLOWED: tuple[str, ...] = tuple(" ".join((_FILES, _MEMORY, _PROCESSES, _WAITING, _SOCKETS, _OTHER)).split())
"""Allowed whatever the arguments. What only root may do among them (setuid, chown) the missing capabilities refuse."""

NAMESPACE_FLAGS = 0x7E020000
"""Every CLONE_NEW* flag that `clone` takes."""

IOCTLS = {
    "TCGETS": 0x5401,
    "TCSETS": 0x5402,
    "TIOCGPGRP": 0x540F,
    "TIOCSPGRP": 0x5410,
    "TIOCGWINSZ": 0x5413,
    "FIONREAD": 0x541B,
    "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450,
    "FIOCLEX": 0x5451,
}
"""Requests on terminals, pipes and sockets that a language runtime makes; TIOCSTI and all devices' own are refused."""

SOCKET_KINDS = (
    (socket.AF_UNIX, (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET), (0,)),
    (socket.AF_INET, (socket.SOCK_STREAM,), (0, socket.IPPROTO_TCP)),
    (socket.AF_INET, (socket.SOCK_DGRAM,), (0, socket.IPPROTO_UDP)),
    (socket.AF_INET6, (socket.SOCK_STREAM,), (0, socket.IPPROTO_TCP)),
    (socket.AF_INET6, (socket.SOCK_DGRAM,), (0, socket.IPPROTO_UDP)),
)
"""(family, types, protocols). Netlink, packet, raw, vsock, alg and the rest are refused; behind the internet ones there
is only the sandbox's own loopback."""

_WORD = 0xFFFFFFFF
_LONG = 0xFFFFFFFFFFFFFFFF
_RLIMITS = 16  # RLIM_NLIMITS. Not RLIMIT_CORE: lowered from 1 to 0, it would let dumps go to the host's crash handler
_SOCKET_TYPE_MASK = 0xF  # without SOCK_NONBLOCK and SOCK_CLOEXEC


@dataclass(frozen=True)
class Argument:
    """`value & mask == equals`. The mask drops the upper half of the register where the kernel reads an int: a filter
    that compares all 64 bits is walked around by setting one of them (CVE-2019-10063)."""

    index: int
    mask: int
    equals: int


def _conditional() -> list[tuple[str, tuple[Argument, ...]]]:
    """(call, comparisons that must all hold for it to be allowed); a call named twice is allowed by either entry."""
    rules: list[tuple[str, tuple[Argument, ...]]] = [
        ("clone", (Argument(0, NAMESPACE_FLAGS, 0),)),
        # 0xFFFFFFFF asks for the current personality and changes nothing.
        ("personality", (Argument(0, _WORD, 0),)),
        ("personality", (Argument(0, _WORD, _WORD),)),
        ("socketpair", (Argument(0, _WORD, int(socket.AF_UNIX)),)),
    ]
    rules.append(("prlimit64", (Argument(2, _LONG, 0),)))  # only asking
    for number in set(range(_RLIMITS)) - {resource.RLIMIT_CORE}:
        rules.append(("prlimit64", (Argument(1, _WORD, number),)))
        rules.append(("setrlimit", (Argument(0, _WORD, number),)))
    rules.extend(("ioctl", (Argument(1, _WORD, request),)) for request in IOCTLS.values())
    for family, kinds, protocols in SOCKET_KINDS:
        for kind in kinds:
            rules.extend(
                (
                    "socket",
                    (
                        Argument(0, _WORD, int(family)),
                        Argument(1, _SOCKET_TYPE_MASK, int(kind)),
                        Argument(2, _WORD, int(protocol)),
                    ),
                )
                for protocol in protocols
            )
    return rules


def docker_profile() -> str:
    """The filter as a JSON document for Docker's `seccomp=` security option; for the daemon's own architecture only."""
    calls: list[dict[str, Any]] = [{"names": list(ALLOWED), "action": "SCMP_ACT_ALLOW"}]
    for name, arguments in _conditional():
        compared = [
            {"index": item.index, "value": item.mask, "valueTwo": item.equals, "op": "SCMP_CMP_MASKED_EQ"}
            for item in arguments
        ]
        calls.append({"names": [name], "action": "SCMP_ACT_ALLOW", "args": compared})
    calls.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS})
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": errno.ENOSYS, "syscalls": calls})


def write_bpf(out: BinaryIO) -> None:
    """Write the filter as a BPF program, as bubblewrap's `--seccomp` reads it.

    Raises RuntimeError or ImportError where the host has no libseccomp. Another architecture's calls (32-bit, x32) kill
    the caller: that is libseccomp's default.
    """
    import pyseccomp

    program = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    for name in ALLOWED:
        if _known(pyseccomp, name):
            program.add_rule(pyseccomp.ALLOW, name)
    for name, arguments in _conditional():
        if _known(pyseccomp, name):
            compared = [pyseccomp.Arg(item.index, pyseccomp.MASKED_EQ, item.mask, item.equals) for item in arguments]
            program.add_rule(pyseccomp.ALLOW, name, *compared)
    program.export_bpf(out)


def _known(pyseccomp: Any, name: str) -> bool:
    """Whether the installed libseccomp has heard of the call; what it does not know stays refused."""
    return bool(pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) != -1)
