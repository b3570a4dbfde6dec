"""A hostile program: tries to break each promise of a sandbox, from inside.

Standard library only. `python -m sandbox.probe PLAN` prints one JSON line per attempt:
{"attempt": name, "refused": bool, "detail": what the system said}. Attempts named `can_...` are controls, which must
succeed: their "refused" must be false. PLAN is a JSON object, every key optional:
{"addresses": [["host", port], ...], "paths": [host files and folders that must not be seen], "sockets": [host unix
sockets, "@name" for abstract ones], "memory_mb", "pids", "tmp_mb", "cpus", "only": [names], "host_pids": [...]}.
"""

# ruff: noqa: S108 - it runs where /tmp is its own

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import platform
import resource
import signal
import socket
import stat
import struct
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
GATEWAY = Path("/run/coco")
_CONNECT_S = 2.0

_libc = ctypes.CDLL(None, use_errno=True)

# System call numbers, where the C library has no function for the call.
# fmt: off
_CALLS = {
    "x86_64": {
        "add_key": 248, "bpf": 321, "clone3": 435, "delete_module": 176, "finit_module": 313, "init_module": 175,
        "io_uring_setup": 425, "kexec_load": 246, "keyctl": 250, "memfd_create": 319, "name_to_handle_at": 303,
        "open_by_handle_at": 304, "perf_event_open": 298, "pidfd_getfd": 438, "pivot_root": 155,
        "process_vm_readv": 310, "request_key": 249, "swapon": 167, "syslog": 103, "userfaultfd": 323,
        "fsopen": 430, "open_tree": 428, "move_mount": 429, "mount_setattr": 442, "kcmp": 312, "modify_ldt": 154,
    },
    "aarch64": {
        "add_key": 217, "bpf": 280, "clone3": 435, "delete_module": 106, "finit_module": 273, "init_module": 105,
        "io_uring_setup": 425, "kexec_load": 104, "keyctl": 219, "memfd_create": 279, "name_to_handle_at": 264,
        "open_by_handle_at": 265, "perf_event_open": 241, "pidfd_getfd": 438, "pivot_root": 41,
        "process_vm_readv": 270, "request_key": 218, "swapon": 224, "syslog": 116, "userfaultfd": 282,
        "fsopen": 430, "open_tree": 428, "move_mount": 429, "mount_setattr": 442, "kcmp": 272,
    },
}.get(platform.machine(), {})
# fmt: on


@dataclass
class Plan:
    addresses: list[tuple[str, int]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    host_pids: list[int] = field(default_factory=list)
    memory_mb: int = 512
    pids: int = 128
    tmp_mb: int = 64
    cpus: float = 1.0
    only: list[str] = field(default_factory=list)


class Refused(Exception):
    """The attempt failed, as it should; the text says how."""


Attempt = Callable[[Plan], str]
"""Breaks a promise and says what it got, or raises OSError or Refused."""

_attempts: dict[str, Attempt] = {}


def attempt(function: Attempt) -> Attempt:
    _attempts[function.__name__] = function
    return function


def names() -> list[str]:
    """Every attempt, in the order they are made."""
    return list(_attempts)


def _call(name: str, *arguments: Any) -> int:
    """A raw system call. Raises OSError."""
    if name not in _CALLS:
        raise Refused(f"{name} does not exist on {platform.machine()}")
    result = int(_libc.syscall(_CALLS[name], *arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _c(name: str, *arguments: Any) -> int:
    """A C library function that returns -1 and sets errno. Raises OSError."""
    result = int(getattr(_libc, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def _in_child(action: Callable[[], str]) -> str:
    """Run in a forked child; gives what it gave, or raises Refused with what stopped it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, b"+" + action().encode()[:4000])
        except BaseException as error:
            os.write(writing, b"-" + f"{type(error).__name__}: {error}".encode()[:4000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    if told[:1] == b"+":
        return told[1:].decode()
    if told:
        raise Refused(told[1:].decode())
    raise Refused(f"the child ended with {os.waitstatus_to_exitcode(status)}")


def _write_below(folder: str) -> str:
    path = Path(folder, f".probe-{os.getpid()}")
    path.write_text("x")
    path.unlink()
    return f"wrote {path}"


def _status(name: str) -> str:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    raise Refused(f"no {name} in /proc/self/status")


def _first_success(tries: Iterable[Callable[[], str]]) -> str:
    """What the first that succeeds gives. Raises Refused with every failure where none does."""
    failures = []
    for one in tries:
        try:
            return one()
        except (OSError, Refused) as error:
            failures.append(str(error))
    raise Refused("; ".join(dict.fromkeys(failures)) or "there was nothing to try")


# --- controls ---------------------------------------------------------------------------------------------------


@attempt
def can_write_data(plan: Plan) -> str:
    return _write_below("/data")


@attempt
def can_write_tmp(plan: Plan) -> str:
    return _write_below("/tmp")


@attempt
def can_reach_gateway(plan: Plan) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_CONNECT_S)
        client.connect(str(GATEWAY / "gateway.sock"))
        return "connected"


@attempt
def can_read_own_token(plan: Plan) -> str:
    return f"{len((GATEWAY / 'token').read_bytes())} bytes"


@attempt
def can_use_loopback(plan: Plan) -> str:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=_CONNECT_S),
    ):
        return f"connected to own port {server.getsockname()[1]}"


@attempt
def can_start_threads_and_children(plan: Plan) -> str:
    return _in_child(lambda: f"child {os.getpid()}")


# --- the file system --------------------------------------------------------------------------------------------


@attempt
def write_root(plan: Plan) -> str:
    return _write_below("/")


@attempt
def write_system_folders(plan: Plan) -> str:
    folders = [
        "/opt",
        "/opt/coco",
        "/usr",
        "/usr/bin",
        "/etc",
        "/lib",
        "/run",
        "/dev",
        "/sys",
        "/proc",
        "/var",
        "/root",
    ]
    return _first_success(lambda folder=folder: _write_below(folder) for folder in folders)  # type: ignore[misc]


@attempt
def write_own_code(plan: Plan) -> str:
    with open(__file__, "r+b"):
        return f"opened {__file__} for writing"


@attempt
def write_interpreter(plan: Plan) -> str:
    with open(os.path.realpath(sys.executable), "r+b"):
        return f"opened {sys.executable} for writing"


@attempt
def write_gateway_folder(plan: Plan) -> str:
    return _write_below(str(GATEWAY))


@attempt
def replace_gateway_socket(plan: Plan) -> str:
    target = GATEWAY / "gateway.sock"
    moved = GATEWAY / "gateway.sock.moved"
    target.rename(moved)
    moved.rename(target)
    return f"renamed {target}"


@attempt
def overwrite_gateway_token(plan: Plan) -> str:
    with open(GATEWAY / "token", "r+b"):
        return "opened the token for writing"


@attempt
def remount_root_writable(plan: Plan) -> str:
    _c("mount", b"none", b"/", None, 32 | 4096, None)  # MS_REMOUNT | MS_BIND
    return "remounted /"


@attempt
def fill_tmp(plan: Plan) -> str:
    path = Path("/tmp", f"fill-{os.getpid()}")
    wanted = plan.tmp_mb + 16
    try:
        with path.open("wb") as file:
            for _ in range(wanted):
                file.write(b"x" * MIB)
                file.flush()
        return f"{wanted} MiB fit"
    finally:
        path.unlink(missing_ok=True)


@attempt
def fill_shared_memory(plan: Plan) -> str:
    if not os.path.isdir("/dev/shm"):
        raise Refused("no /dev/shm")
    path = Path("/dev/shm", f"fill-{os.getpid()}")
    try:
        with path.open("wb") as file:
            for _ in range(16):
                file.write(b"x" * MIB)
                file.flush()
        return "16 MiB fit"
    finally:
        path.unlink(missing_ok=True)


@attempt
def execute_from_tmp(plan: Plan) -> str:
    path = Path("/tmp", f"run-{os.getpid()}")
    path.write_text(f"#!{os.path.realpath(sys.executable)}\n")
    path.chmod(0o755)
    child = os.fork()
    if child == 0:
        try:
            # Becomes the script, which does nothing and ends well.
            os.execv(path, [str(path)])  # noqa: S606
        except OSError as error:
            os._exit(error.errno or 255)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    path.unlink()
    if code != 0:
        raise Refused(os.strerror(code))
    return f"executed {path}"


@attempt
def execute_from_memory(plan: Plan) -> str:
    return f"memfd {_call('memfd_create', b'x', 0)}"


@attempt
def find_setuid_program(plan: Plan) -> str:
    for folder, _, files in os.walk("/"):
        if folder.startswith(("/proc", "/sys")):
            continue
        for name in files:
            path = os.path.join(folder, name)
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                return path
    raise Refused("none")


@attempt
def find_shell(plan: Plan) -> str:
    for folder in ("/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin"):
        for name in ("sh", "bash", "dash", "busybox", "gcc", "pip", "apt", "curl", "su", "mount", "perl"):
            if os.path.exists(f"{folder}/{name}"):
                return f"{folder}/{name}"
    raise Refused("none")


@attempt
def read_host_files(plan: Plan) -> str:
    """Paths of the host given in the plan: another user's volume, the project, keys."""

    def read(path: str) -> str:
        if os.path.isdir(path):
            found = os.listdir(path)
            # A folder above the interpreter may be there, with nothing else in it.
            hidden = [
                name for name in found if not os.path.realpath(sys.executable).startswith(f"{path.rstrip('/')}/{name}")
            ]
            if not hidden:
                raise Refused(f"{path} shows nothing of the host")
            return f"{path} holds {hidden[:5]}"
        with open(path, "rb") as file:
            return f"{path}: {file.read(64)!r}"

    return _first_success(lambda path=path: read(path) for path in plan.paths)  # type: ignore[misc]


@attempt
def read_shadow(plan: Plan) -> str:
    return Path("/etc/shadow").read_text()[:64]


@attempt
def read_through_proc_root(plan: Plan) -> str:
    for pid in [name for name in os.listdir("/proc") if name.isdigit()]:
        for path in plan.paths:
            try:
                os.stat(f"/proc/{pid}/root{path}")
            except OSError:
                continue
            if not os.path.exists(path):
                return f"/proc/{pid}/root{path}"
    raise Refused("no process has another root")


@attempt
def open_by_handle(plan: Plan) -> str:
    """The way out of a container by file handle ("shocker")."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 8, 1) + struct.pack("Q", 2) + b"\0" * 120)
    fd = os.open("/data", os.O_RDONLY)
    try:
        return f"fd {_call('open_by_handle_at', fd, handle, 0)}"
    finally:
        os.close(fd)


@attempt
def write_beyond_file_size(plan: Plan) -> str:
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if limit == resource.RLIM_INFINITY:
        return "no bound on a file's size"
    path = Path("/data", f".big-{os.getpid()}")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with path.open("wb") as file:
            file.truncate(limit + 1)
        return f"a file of {limit + 1} bytes"
    finally:
        path.unlink(missing_ok=True)


@attempt
def make_device(plan: Plan) -> str:
    def make(folder: str) -> str:
        path = Path(folder, f"dev-{os.getpid()}")
        os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(254, 0))
        path.unlink()
        return f"made {path}"

    return _first_success(lambda folder=folder: make(folder) for folder in ("/data", "/tmp"))  # type: ignore[misc]


@attempt
def open_disk_or_memory_device(plan: Plan) -> str:
    found = []
    for folder, _, files in os.walk("/dev"):
        found += [os.path.join(folder, name) for name in files]
    harmless = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console", "stdin", "stdout", "stderr"}
    odd = [
        p
        for p in found
        if os.path.basename(p) not in harmless and not p.startswith(("/dev/pts", "/dev/fd", "/dev/shm"))
    ]
    odd = [p for p in odd if not os.path.islink(p)]

    def read(path: str) -> str:
        with open(path, "rb") as file:
            return f"opened {path}: {file.read(1)!r}"

    if not odd:
        raise Refused("no such device in /dev")
    return _first_success(lambda path=path: read(path) for path in odd)  # type: ignore[misc]


# --- privileges -------------------------------------------------------------------------------------------------


@attempt
def be_another_user(plan: Plan) -> str:
    ids = {os.getuid(), os.geteuid(), os.getgid(), os.getegid(), *os.getresuid(), *os.getresgid(), *os.getgroups()}
    if ids == {10001}:
        raise Refused("every id is 10001")
    return f"ids {sorted(ids)}"


@attempt
def setuid_root(plan: Plan) -> str:
    def become() -> str:
        os.setuid(0)
        return f"uid {os.getuid()}"

    return _in_child(become)


@attempt
def setgid_root(plan: Plan) -> str:
    def become() -> str:
        os.setgid(0)
        return f"gid {os.getgid()}"

    return _in_child(become)


@attempt
def join_other_groups(plan: Plan) -> str:
    def become() -> str:
        os.setgroups([0, 42])
        return f"groups {os.getgroups()}"

    return _in_child(become)


def _capabilities(which: str) -> str:
    held = int(_status(which), 16)
    if held == 0:
        raise Refused(f"{which} is empty")
    return f"{which} {held:016x}"


@attempt
def hold_effective_capability(plan: Plan) -> str:
    return _capabilities("CapEff")


@attempt
def hold_permitted_capability(plan: Plan) -> str:
    return _capabilities("CapPrm")


@attempt
def hold_inheritable_capability(plan: Plan) -> str:
    return _capabilities("CapInh")


@attempt
def hold_bounding_capability(plan: Plan) -> str:
    return _capabilities("CapBnd")


@attempt
def hold_ambient_capability(plan: Plan) -> str:
    return _capabilities("CapAmb")


@attempt
def raise_ambient_capability(plan: Plan) -> str:
    _c("prctl", 47, 2, 12, 0, 0)  # PR_CAP_AMBIENT_RAISE CAP_NET_ADMIN
    return "raised CAP_NET_ADMIN"


@attempt
def gain_privileges_by_exec(plan: Plan) -> str:
    if _status("NoNewPrivs") == "1":
        raise Refused("no_new_privs is set")
    return "no_new_privs is not set"


@attempt
def clear_no_new_privs(plan: Plan) -> str:
    _c("prctl", 38, 0, 0, 0, 0)
    return "cleared"


@attempt
def run_without_filter(plan: Plan) -> str:
    if _status("Seccomp") == "2":
        raise Refused("a system call filter is on")
    return f"Seccomp is {_status('Seccomp')}"


@attempt
def call_with_foreign_abi(plan: Plan) -> str:
    """getpid through the x32 table: a filter that looks at numbers only lets other calls by."""
    if platform.machine() != "x86_64":
        raise Refused("no second table on this machine")

    def call() -> str:
        result = int(_libc.syscall(0x40000000 | 39))
        if result < 0:
            raise OSError(ctypes.get_errno(), "x32 call")
        return f"pid {result}"

    return _in_child(call)


@attempt
def dump_core(plan: Plan) -> str:
    """A crash must leave no dump, neither in a file nor, through a pipe, at the host's crash handler.

    A limit of 0 keeps the kernel from writing the file only, which is enough where no handler is named; 1 keeps it from
    both, as long as it cannot be lowered.
    """

    def set_to(value: int) -> str:
        resource.setrlimit(resource.RLIMIT_CORE, (value, value))
        return f"set the core limit to {value}"

    handled = Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "@"))
    if resource.getrlimit(resource.RLIMIT_CORE) not in ([(1, 1)] if handled else [(1, 1), (0, 0)]):
        return f"core limit {resource.getrlimit(resource.RLIMIT_CORE)}"
    failures = []
    for value in (0, 4096):
        try:
            return set_to(value)
        except (ValueError, OSError) as error:
            failures.append(str(error))
    raise Refused("; ".join(failures))


@attempt
def read_name_servers(plan: Plan) -> str:
    lines = Path("/etc/resolv.conf").read_text().splitlines()
    odd = [line for line in lines if line.startswith(("nameserver", "search")) and "127.0.0.1" not in line]
    odd = [line for line in odd if line != "search ."]
    if not odd:
        raise Refused("none but loopback")
    return "; ".join(odd)


# --- namespaces and mounts --------------------------------------------------------------------------------------


def _unshare(flag: int) -> str:
    return _in_child(lambda: f"unshare {_c('unshare', flag)}")


@attempt
def unshare_user(plan: Plan) -> str:
    return _unshare(0x10000000)


@attempt
def unshare_mount(plan: Plan) -> str:
    return _unshare(0x00020000)


@attempt
def unshare_network(plan: Plan) -> str:
    return _unshare(0x40000000)


@attempt
def unshare_pid(plan: Plan) -> str:
    return _unshare(0x20000000)


@attempt
def clone_user_namespace(plan: Plan) -> str:
    """A raw clone(CLONE_NEWUSER | SIGCHLD), and clone3 with the same."""
    number = {"x86_64": 56, "aarch64": 220}[platform.machine()]

    def old() -> str:
        pid = int(_libc.syscall(number, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0))
        if pid == 0:
            os._exit(0)
        if pid < 0:
            raise OSError(ctypes.get_errno(), "clone")
        os.waitpid(pid, 0)
        return "clone made a user namespace"

    def new() -> str:
        arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, signal.SIGCHLD)
        pid = _call("clone3", ctypes.byref(arguments), 64)
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        return "clone3 made a user namespace"

    return _first_success((old, new))


@attempt
def join_namespace(plan: Plan) -> str:
    def join() -> str:
        with open("/proc/1/ns/mnt") as target:
            _c("setns", target.fileno(), 0)
        return "joined the mount namespace of process 1"

    return _in_child(join)


@attempt
def mount_tmpfs(plan: Plan) -> str:
    _c("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None)
    return "mounted a tmpfs"


@attempt
def mount_proc(plan: Plan) -> str:
    _c("mount", b"proc", b"/tmp", b"proc", 0, None)
    return "mounted proc"


@attempt
def mount_bind(plan: Plan) -> str:
    _c("mount", b"/data", b"/tmp", None, 4096, None)
    return "bound /data"


@attempt
def mount_by_new_calls(plan: Plan) -> str:
    return _first_success(
        (
            lambda: f"fsopen {_call('fsopen', b'tmpfs', 0)}",
            lambda: f"open_tree {_call('open_tree', -100, b'/', 1)}",
            lambda: f"mount_setattr {_call('mount_setattr', -100, b'/', 0, ctypes.create_string_buffer(32), 32)}",
        )
    )


@attempt
def unmount(plan: Plan) -> str:
    return _first_success(
        lambda path=path: f"unmounted {_c('umount2', path, 2)}"  # type: ignore[misc]
        for path in (b"/tmp", b"/run/coco", b"/proc/kcore", b"/proc/sys", b"/proc/acpi")
    )


@attempt
def change_root(plan: Plan) -> str:
    return _first_success(
        (
            lambda: _in_child(lambda: f"chroot {_c('chroot', b'/tmp')}"),
            lambda: _in_child(lambda: f"pivot_root {_call('pivot_root', b'/data', b'/data')}"),
        )
    )


@attempt
def rename_host(plan: Plan) -> str:
    socket.sethostname("breached")
    return socket.gethostname()


# --- the network ------------------------------------------------------------------------------------------------


@attempt
def raw_socket(plan: Plan) -> str:
    return _first_success(
        lambda family=family, kind=kind, protocol=protocol: _opens(family, kind, protocol)  # type: ignore[misc]
        for family, kind, protocol in (
            (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
            (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
            (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
        )
    )


def _opens(family: int, kind: int, protocol: int) -> str:
    with socket.socket(family, kind, protocol) as opened:
        return f"opened {opened}"


@attempt
def packet_socket(plan: Plan) -> str:
    return _opens(17, socket.SOCK_RAW, 0x0300)


@attempt
def netlink_socket(plan: Plan) -> str:
    return _opens(16, socket.SOCK_RAW, 0)


@attempt
def vsock_socket(plan: Plan) -> str:
    return _opens(40, socket.SOCK_STREAM, 0)


@attempt
def kernel_crypto_socket(plan: Plan) -> str:
    return _opens(38, socket.SOCK_SEQPACKET, 0)


@attempt
def network_interface(plan: Plan) -> str:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    others = [line.split(":")[0].strip() for line in lines if line.split(":")[0].strip() != "lo"]
    # Kernels make these in every network namespace; they are down, and nothing inside may bring them up.
    idle = {"sit0", "tunl0", "ip6tnl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6gre0"}
    routes = Path("/proc/net/route").read_text().splitlines()[1:]
    if not set(others) - idle and not routes:
        raise Refused("loopback only, no route")
    return f"interfaces {others}, {len(routes)} routes"


@attempt
def bind_low_port(plan: Plan) -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 80))
        return "bound 127.0.0.1:80"


@attempt
def reach_addresses(plan: Plan) -> str:
    usual = [("8.8.8.8", 53), ("1.1.1.1", 443), ("172.17.0.1", 22), ("169.254.169.254", 80), ("127.0.0.1", 5432)]
    usual += [("127.0.0.1", 7233), ("::1", 7233), ("10.0.0.1", 80), ("2001:4860:4860::8888", 53)]

    def connect(host: str, port: int) -> str:
        with socket.create_connection((host, port), timeout=_CONNECT_S):
            return f"connected to {host}:{port}"

    return _first_success(
        lambda host=host, port=port: connect(host, port)  # type: ignore[misc]
        for host, port in [*plan.addresses, *usual]
    )


@attempt
def send_datagram(plan: Plan) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return _first_success(
            lambda host=host: f"sent {sender.sendto(b'x', (host, 53))} bytes to {host}"  # type: ignore[misc]
            for host in ("8.8.8.8", "172.17.0.1", "255.255.255.255", "224.0.0.1")
        )


@attempt
def resolve_name(plan: Plan) -> str:
    return str(socket.getaddrinfo("example.com", 443)[0])


@attempt
def reach_host_sockets(plan: Plan) -> str:
    usual = ["/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/run/systemd/private"]
    usual += ["/run/dbus/system_bus_socket", "/dev/log"]

    def connect(name: str) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(_CONNECT_S)
            client.connect("\0" + name[1:] if name.startswith("@") else name)
            return f"connected to {name}"

    return _first_success(lambda name=name: connect(name) for name in [*plan.sockets, *usual])  # type: ignore[misc]


# --- other processes and the kernel -----------------------------------------------------------------------------


@attempt
def see_host_processes(plan: Plan) -> str:
    own = {pid for pid in os.listdir("/proc") if pid.isdigit()}
    if os.getpid() < 1000 and len(own) <= 10 and not any(str(pid) in own for pid in plan.host_pids if pid > 100):
        raise Refused(f"{len(own)} processes, all of this sandbox")
    return f"{len(own)} processes"


@attempt
def kill_others(plan: Plan) -> str:
    targets = plan.host_pids

    def kill(pid: int) -> str:
        os.kill(pid, 0)
        return f"may signal {pid}"

    return _first_success(lambda pid=pid: kill(pid) for pid in targets)  # type: ignore[misc]


@attempt
def trace_process(plan: Plan) -> str:
    child = os.fork()
    if child == 0:
        time.sleep(30)
        os._exit(0)
    try:
        return f"attached {_c('ptrace', 16, child, None, None)}"  # PTRACE_ATTACH
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@attempt
def read_process_memory(plan: Plan) -> str:
    buffer = ctypes.create_string_buffer(8)
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    return f"read {_call('process_vm_readv', os.getpid(), ctypes.byref(vector), 1, ctypes.byref(vector), 1, 0)} bytes"


@attempt
def use_first_process(plan: Plan) -> str:
    """Process 1 is the sandbox's own supervisor; through its descriptors no file of the host may be opened."""

    def reopen(name: str) -> str:
        path = f"/proc/1/fd/{name}"
        target = os.readlink(path)
        if target.startswith(("pipe:", "/dev/null", "socket:", "anon_inode:")):
            raise Refused(f"{name} is {target}")
        with open(path, "r+b"):
            return f"opened {target}"

    return _first_success(lambda name=name: reopen(name) for name in os.listdir("/proc/1/fd"))  # type: ignore[misc]


@attempt
def steal_descriptor(plan: Plan) -> str:
    return f"fd {_call('pidfd_getfd', 0, 0, 0)}"


@attempt
def kernel_keyring(plan: Plan) -> str:
    return _first_success(
        (
            lambda: f"keyring {_call('keyctl', 0, -3, 1)}",
            lambda: f"key {_call('add_key', b'user', b'probe', b'x', 1, -3)}",
            lambda: f"key {_call('request_key', b'user', b'probe', None, -3)}",
        )
    )


@attempt
def load_bpf(plan: Plan) -> str:
    attributes = ctypes.create_string_buffer(struct.pack("IIII", 1, 4, 4, 1) + b"\0" * 112)
    return f"map {_call('bpf', 0, attributes, 128)}"


@attempt
def watch_performance(plan: Plan) -> str:
    event = ctypes.create_string_buffer(struct.pack("IIQ", 1, 128, 0) + b"\0" * 112)
    return f"event {_call('perf_event_open', event, 0, -1, -1, 0)}"


@attempt
def handle_page_faults(plan: Plan) -> str:
    return f"userfaultfd {_call('userfaultfd', 1)}"


@attempt
def io_uring(plan: Plan) -> str:
    return f"ring {_call('io_uring_setup', 4, ctypes.create_string_buffer(120))}"


@attempt
def load_module(plan: Plan) -> str:
    return _first_success(
        (
            lambda: f"init_module {_call('init_module', b'x', 1, b'')}",
            lambda: f"delete_module {_call('delete_module', b'nothing', 0)}",
            lambda: f"finit_module {_call('finit_module', 0, b'', 0)}",
        )
    )


@attempt
def load_kernel(plan: Plan) -> str:
    return f"kexec_load {_call('kexec_load', 0, 0, None, 0)}"


@attempt
def read_kernel_log(plan: Plan) -> str:
    return _first_success(
        (
            lambda: f"syslog {_call('syslog', 3, ctypes.create_string_buffer(64), 64)}",
            lambda: Path("/dev/kmsg").read_text()[:10],
        )
    )


@attempt
def read_kernel_memory(plan: Plan) -> str:
    def read(path: str) -> str:
        with open(path, "rb") as file:
            data = file.read(64)
        if not data:
            raise Refused(f"{path} is empty")
        if path == "/proc/kallsyms" and not int(data.split()[0], 16):
            raise Refused("kallsyms shows zeros")
        return f"{path}: {data[:16]!r}"

    paths = ("/proc/kcore", "/dev/mem", "/dev/kmem", "/dev/port", "/proc/kallsyms", "/proc/vmallocinfo")
    return _first_success(lambda path=path: read(path) for path in paths)  # type: ignore[misc]


@attempt
def read_kernel_facts(plan: Plan) -> str:
    """The host's boot line, keys, timers and hardware."""

    def read(path: str) -> str:
        if os.path.isdir(path):
            if not os.listdir(path):
                raise Refused(f"{path} is empty")
            return f"{path} holds {os.listdir(path)[:3]}"
        with open(path, "rb") as file:
            data = file.read(64)
        if not data:
            raise Refused(f"{path} is empty")
        return f"{path}: {data[:32]!r}"

    names = (
        "cmdline keys key-users timer_list sched_debug modules partitions diskstats iomem interrupts softirqs devices"
    )
    paths = [f"/proc/{name}" for name in names.split()]
    folders = ("/proc/acpi", "/proc/scsi", "/sys/firmware", "/sys/class", "/sys/module", "/sys/block", "/sys/kernel")
    return _first_success(lambda path=path: read(path) for path in (*paths, *folders))  # type: ignore[misc]


@attempt
def write_kernel_settings(plan: Plan) -> str:
    def write(path: str) -> str:
        fd = os.open(path, os.O_WRONLY)
        os.close(fd)
        return f"opened {path} for writing"

    paths = (
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/net/ipv4/ip_unprivileged_port_start",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/release_agent",
        "/sys/fs/cgroup/memory.max",
    )
    return _first_success(lambda path=path: write(path) for path in paths)  # type: ignore[misc]


@attempt
def inject_terminal_input(plan: Plan) -> str:
    for fd in (0, 1, 2):
        if os.isatty(fd):
            return f"fd {fd} is a terminal"
    leader, follower = os.openpty()
    try:
        # The upper half of the request is dropped by the kernel, but seen by a filter that compares 64 bits.
        if _libc.ioctl(follower, ctypes.c_ulong(0x100005412), b"x") == 0:
            return "TIOCSTI with a disguised number"
        fcntl.ioctl(follower, 0x5412, b"x")
        return "TIOCSTI"
    finally:
        os.close(leader)
        os.close(follower)


@attempt
def change_personality(plan: Plan) -> str:
    return _in_child(lambda: f"was {_c('personality', 0x0040000)}")  # ADDR_NO_RANDOMIZE


# --- limits -----------------------------------------------------------------------------------------------------


@attempt
def fill_memory(plan: Plan) -> str:
    wanted = plan.memory_mb + 128

    def fill() -> str:
        held = []
        for _ in range(wanted // 8):
            held.append(bytearray(b"x" * (8 * MIB)))
        return f"{len(held) * 8} MiB held"

    return _in_child(fill)


@attempt
def fork_bomb(plan: Plan) -> str:
    wanted = plan.pids + 16
    children: list[int] = []
    try:
        for _ in range(wanted):
            child = os.fork()
            if child == 0:
                signal.pause()
                os._exit(0)
            children.append(child)
        return f"{len(children)} children"
    except OSError as error:
        raise Refused(f"{error} after {len(children)} children") from error
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)


@attempt
def burn_cpu(plan: Plan) -> str:
    """As many busy processes as cores and one more, for a second: how many cores' time did they get?"""
    workers = max(2, len(os.sched_getaffinity(0))) + 1
    before = os.times()
    started = time.monotonic()
    children = []
    for _ in range(workers):
        child = os.fork()
        if child == 0:
            while time.monotonic() < started + 1.5:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    after = os.times()
    used = after.children_user - before.children_user + after.children_system - before.children_system
    share = used / (time.monotonic() - started)
    if share <= plan.cpus * 1.25:
        raise Refused(f"{share:.2f} cores for {workers} busy processes")
    return f"{share:.2f} cores"


@attempt
def raise_own_limits(plan: Plan) -> str:
    def lift(name: int) -> str:
        resource.setrlimit(name, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return f"lifted limit {name}"

    return _first_success(lambda name=name: lift(name) for name in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE))  # type: ignore[misc]


@attempt
def leave_control_group(plan: Plan) -> str:
    found = [
        os.path.join(folder, "cgroup.procs")
        for folder, _, files in os.walk("/sys/fs/cgroup")
        if "cgroup.procs" in files
    ]

    def write(path: str) -> str:
        Path(path).write_text(str(os.getpid()))
        return f"moved by {path}"

    if not found:
        raise Refused("no control groups to be seen")
    return _first_success(lambda path=path: write(path) for path in found[:50])  # type: ignore[misc]


# --- what is handed in ------------------------------------------------------------------------------------------


@attempt
def inherit_descriptors(plan: Plan) -> str:
    odd = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if int(name) > 2 or not target.startswith(("pipe:", "/dev/null", "socket:")):
            odd.append(f"{name} -> {target}")
    odd = [item for item in odd if not item.endswith("/fd")]
    if not odd:
        raise Refused("only standard input, output and error, none of them a file of the host")
    return "; ".join(odd)


@attempt
def read_secrets_in_environment(plan: Plan) -> str:
    words = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL", "PIP_", "SSL_", "PROXY")
    odd = [name for name in os.environ if any(word in name.upper() for word in words)]
    if not odd:
        raise Refused(f"{len(os.environ)} harmless variables")
    return ", ".join(odd)


@attempt
def read_host_mounts(plan: Plan) -> str:
    """File systems of the host that are mounted without being promised."""
    promised = {"/data", "/run/coco"}
    odd = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        point, options = left.split()[4], left.split()[5]
        kind = right.split()[0]
        if kind in ("overlay", "tmpfs", "proc", "devpts", "mqueue", "sysfs", "cgroup", "cgroup2", "devtmpfs"):
            continue
        # Docker writes these three itself, anew for each container.
        given = point in promised or point in ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
        if not given and "ro" not in options.split(","):
            odd.append(point)
    if not odd:
        raise Refused("nothing writable but the volume")
    return ", ".join(odd)


def run(plan: Plan) -> Iterable[dict[str, object]]:
    """Make every attempt of the plan; one result each."""
    for name, action in _attempts.items():
        if plan.only and name not in plan.only:
            continue
        try:
            yield {"attempt": name, "refused": False, "detail": action(plan)}
        except (OSError, Refused, ValueError) as error:
            number = errno.errorcode.get(getattr(error, "errno", None) or 0, "")
            yield {"attempt": name, "refused": True, "detail": f"{number} {error}".strip()}
        except Exception as error:
            # Neither refused nor done: the attempt itself is broken, and must not pass as either.
            yield {"attempt": name, "refused": None, "detail": f"{type(error).__name__}: {error}"}


def main(arguments: list[str]) -> None:
    told = json.loads(arguments[0]) if arguments else {}
    told["addresses"] = [(host, port) for host, port in told.get("addresses", [])]
    for result in run(Plan(**told)):
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
