"""Sandboxes as bubblewrap (bwrap) process trees, for hosts without Docker.

Started by root, a sandbox has the real uid 10001 and control groups; started by an ordinary user, a user namespace
that shows 10001, and weaker limits. docs/sandbox.md says exactly what differs.

One JSON record per sandbox in the state directory names its first process by pid, start time and boot; a pid whose
start time is another is not ours, and is never signalled.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import platform
import re
import resource
import secrets
import select
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import hidden, seccomp, volume
from sandbox import limits as control_groups
from sandbox.container import (
    GID,
    OUTPUT_LIMIT,
    UID,
    Finished,
    Listing,
    Running,
    SandboxError,
    SandboxSpec,
    SandboxTimeout,
    SandboxUnavailable,
    check_deployment,
    check_user_id,
    clean_output,
    measure_volume,
)
from sandbox.image import closure
from sandbox.image.local import TreeUnavailable, ensure_tree
from sandbox.image.tree import Leak
from sandbox.limits import MIB, NO_CORE, Cgroup, CgroupsUnavailable

KIND = "bubblewrap"
Words = list[str]
INSTALL = "Install it (Debian, Ubuntu: apt-get install bubblewrap libseccomp2)."
_GRACE_S, _START_S = 10.0, 20.0
_OLDEST = (0, 8)


@dataclass(frozen=True)
class Record:
    """What is kept of one sandbox on disk. `start_time`: field 22 of /proc/<pid>/stat; `boot`: the kernel's boot id."""

    user_id: str
    spec_hash: str
    pid: int
    start_time: int
    boot: str
    limits_kept_by: str


class BubblewrapSandbox:
    """See `sandbox.container.Sandbox`. One per deployment; `state_dir` is this deployment's own."""

    kind = KIND

    def __init__(self, program: str, deployment: str, state_dir: Path, log: Callable[[str], None]) -> None:
        self._program = program
        self._deployment = check_deployment(deployment)
        self._log = log
        self._state = state_dir.resolve() / "bubblewrap" / deployment
        self._state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._tree: tuple[Path, str] | None = None
        self._mounts: Words = []
        self._laying = threading.Lock()

    @classmethod
    async def connect(
        cls, deployment: str, state_dir: Path, log: Callable[[str], None] = lambda line: None
    ) -> BubblewrapSandbox:
        """Raises SandboxUnavailable where bubblewrap is missing, too old, or not allowed to make namespaces."""
        program = await asyncio.to_thread(_check_host)
        return cls(program, deployment, state_dir, log)

    async def start(self, spec: SandboxSpec) -> Running:
        return await asyncio.to_thread(self._start, self._own(spec))

    async def stop(self, user_id: str, *, kill: bool = False) -> None:
        await asyncio.to_thread(self._stop, check_user_id(user_id), kill)

    async def alive(self, user_id: str) -> bool:
        record = self._record(check_user_id(user_id))
        return record is not None and _is_ours(record)

    async def list(self) -> Listing:
        found = [self._record(path.stem) for path in sorted(self._state.glob("*.json"))]
        return [self._running(record) for record in found if record is not None and _is_ours(record)]

    async def logs(self, user_id: str, lines: int = 200) -> str:
        path = self._state / f"{check_user_id(user_id)}.log"
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return ""
        return "".join(clean_output(raw).splitlines(keepends=True)[-max(1, lines) :])

    async def run_once(self, spec: SandboxSpec, command: tuple[str, ...], timeout: float) -> Finished:  # noqa: ASYNC109
        return await asyncio.to_thread(self._run_once, self._own(spec), command, timeout)

    def _own(self, spec: SandboxSpec) -> SandboxSpec:
        if spec.deployment != self._deployment:
            raise ValueError(f"this manages deployment {self._deployment!r}, not {spec.deployment!r}")
        return spec

    def _start(self, spec: SandboxSpec) -> Running:
        with self._locked(spec.user_id):
            digest = spec.digest(self._files()[1])
            record = self._record(spec.user_id)
            if record is not None and record.spec_hash == digest and _is_ours(record):
                return self._running(record)
            self._end(spec.user_id, kill=False)
            _prepare_volume(spec)
            name = f"{self._deployment}-{spec.user_id}"
            started = self._spawn(spec, spec.command, name, self._state / f"{spec.user_id}.log")
            record = Record(spec.user_id, digest, started.pid, started.start_time, _boot_id(), started.limits_kept_by)
            try:
                self._write_record(record)
            except BaseException:
                started.give_up()
                raise
            started.go()
            # Whoever started a process must collect it when it ends; this object may be gone by then.
            threading.Thread(target=started.monitor.wait, daemon=True, name=f"bwrap {spec.user_id}").start()
            return self._running(record)

    def _run_once(self, spec: SandboxSpec, command: tuple[str, ...], timeout: float) -> Finished:
        _prepare_volume(spec)
        mark = secrets.token_hex(6)
        log = self._state / f"{spec.user_id}.once-{mark}"
        name = f"{self._deployment}-{spec.user_id}-once-{mark}"
        started = self._spawn(spec, command, name, log)
        try:
            started.go()
            code = started.monitor.wait(timeout)
            return Finished(code, clean_output(log.read_bytes()))
        except subprocess.TimeoutExpired as error:
            _signal(started.pid, started.start_time, signal.SIGKILL)
            started.monitor.wait()
            output = clean_output(log.read_bytes())
            raise SandboxTimeout(f"{command[0]} took longer than {timeout:g} s; it was killed", output) from error
        finally:
            if started.monitor.poll() is None:
                _signal(started.pid, started.start_time, signal.SIGKILL)
                started.monitor.wait()
            log.unlink(missing_ok=True)
            _clear(name)

    def _stop(self, user_id: str, kill: bool) -> None:
        with self._locked(user_id):
            self._end(user_id, kill)
            (self._state / f"{user_id}.log").unlink(missing_ok=True)

    def _end(self, user_id: str, kill: bool) -> None:
        record = self._record(user_id)
        if record is not None and record.boot == _boot_id():
            _terminate(record.pid, record.start_time, 0 if kill else _GRACE_S)
        _clear(f"{self._deployment}-{user_id}")
        (self._state / f"{user_id}.json").unlink(missing_ok=True)

    def _record(self, user_id: str) -> Record | None:
        try:
            return Record(**json.loads((self._state / f"{user_id}.json").read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise SandboxError(f"{self._state / user_id}.json is not a sandbox's record: {error}") from error

    def _write_record(self, record: Record) -> None:
        path = self._state / f"{record.user_id}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(record)), "utf-8")
        part.replace(path)

    def _running(self, record: Record) -> Running:
        return Running(record.user_id, self._deployment, KIND, str(record.pid), record.spec_hash, record.limits_kept_by)

    @contextlib.contextmanager
    def _locked(self, user_id: str) -> Iterator[None]:
        """One process at a time starts or stops this user's sandbox."""
        with (self._state / f"{user_id}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _files(self) -> tuple[Path, str]:
        """The tree to mount and its digest, made at the first call. The code that counts is that of then: files that
        change later, as in a deployment, come in with the process that replaces this one."""
        with self._laying:
            if self._tree is None or not self._tree[0].is_dir():
                try:
                    tree, digest = ensure_tree(self._state)
                    self._mounts = _interpreter_mounts(tree)
                except (TreeUnavailable, Leak, OSError) as error:
                    raise SandboxUnavailable(f"the sandbox's files cannot be laid out: {error}") from error
                self._tree = tree, digest
                self._forget_old_trees(tree)
            return self._tree

    def _forget_old_trees(self, current: Path) -> None:
        """Remove the files of earlier code, unless something runs: it may have been started from them."""
        records = [self._record(path.stem) for path in self._state.glob("*.json")]
        if any(record is not None and _is_ours(record) for record in records):
            return
        hour_ago = time.time() - 3600  # another process may be about to start from a newer one
        for tree in self._state.glob("tree-*"):
            if tree != current and tree.stat().st_mtime < hour_ago:
                shutil.rmtree(tree, ignore_errors=True)

    def _spawn(self, spec: SandboxSpec, command: tuple[str, ...], name: str, log_path: Path) -> Started:
        root = os.geteuid() == 0
        tree, _ = self._files()
        core = core_limit()
        cgroup, kept_by, prefix = self._bounds(spec, name, root)
        go_read, go_write = os.pipe()
        info_read, info_write = os.pipe()
        log = os.open(log_path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        opened = [go_read, info_write, log]
        try:
            program, arguments = os.memfd_create("seccomp"), os.memfd_create("arguments")
            opened += [program, arguments]
            with os.fdopen(os.dup(program), "wb") as out:
                seccomp.write_bpf(out)
            tmp = self._state / "tmp"
            tmp.mkdir(exist_ok=True, mode=0o700)
            options = self._options(spec, tree, root, tmp)
            options += ["--seccomp", str(program), "--info-fd", str(info_write)]
            with os.fdopen(os.dup(arguments), "wb") as out:
                out.write(b"\0".join(os.fsencode(word) for word in options) + b"\0")
            for fd in (program, arguments):
                os.lseek(fd, 0, os.SEEK_SET)
            plan = {
                "uid": UID,
                "gid": GID,
                "rlimits": _rlimits(spec, kept_by),
                "core": core,
                "log_fd": log,
                "log_limit": OUTPUT_LIMIT,
                "go_fd": go_read,
                "command": list(command),
            }
            # fmt: off
            words = [
                *prefix, "prlimit", f"--core={core}:{core}", "--", self._program, "--args", str(arguments), "--",
                "python", "-I", "-S", "/opt/coco/sandbox/launch.py", json.dumps(plan),
            ]
            # fmt: on
            if root:
                words = _as_root(words, cgroup, spec, tmp)
            monitor = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=_starter_environment(prefix),
                start_new_session=True,
                pass_fds=opened,
            )
        except BaseException:
            os.close(info_read)
            os.close(go_write)
            raise
        finally:
            for fd in opened:
                os.close(fd)
        try:
            pid = _child_pid(info_read)
            start_time = None if pid is None else _start_time(pid)
        finally:
            os.close(info_read)
        if pid is None or start_time is None:
            os.close(go_write)
            monitor.kill()
            monitor.wait()
            _clear(name)
            raise SandboxError(f"bubblewrap could not start: {clean_output(log_path.read_bytes()).strip()}")
        return Started(monitor, pid, start_time, kept_by, go_write)

    def _bounds(self, spec: SandboxSpec, name: str, root: bool) -> tuple[Cgroup | None, str, Words]:
        """(control group, who keeps the limits, words before bwrap's)."""
        if root:
            try:
                return control_groups.create(name, spec.limits), "cgroup", []
            except CgroupsUnavailable as error:
                self._log(f"sandbox limits are kept by rlimits only: {error}")
                return None, "rlimit", []
        program = shutil.which("systemd-run")
        if program is not None and _has_user_manager():
            # fmt: off
            return None, "systemd", [
                program, "--user", "--scope", "--quiet", "--collect", f"--unit=coco-{name}",
                f"--property=MemoryMax={spec.limits.memory_mb}M", "--property=MemorySwapMax=0",
                f"--property=TasksMax={spec.limits.pids}", f"--property=CPUQuota={int(spec.limits.cpus * 100)}%", "--",
            ]
            # fmt: on
        self._log("sandbox limits are kept by rlimits only: not root, and no systemd user manager")
        return None, "rlimit", []

    def _options(self, spec: SandboxSpec, tree: Path, root: bool, tmp: Path) -> Words:
        """bwrap's options. Nothing of the host is there but what is bound here."""
        # fmt: off
        options = [
            "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try",
            "--hostname", "sandbox", "--as-pid-1", "--new-session", "--clearenv", "--cap-drop", "ALL",
        ]
        if root:
            # For launch.py to become uid 10001 and empty the bounding set; it gives these up with the rest.
            for capability in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
                options += ["--cap-add", capability]
        else:
            options += ["--unshare-user", "--uid", str(UID), "--gid", str(GID), "--disable-userns"]
        for variable, value in spec.full_environment.items():
            options += ["--setenv", variable, value]
        for folder in ("/opt", "/etc", "/run"):
            options += ["--perms", "0755", "--dir", folder]
        options += self._mounts
        options += ["--ro-bind", str(tree / "opt/coco"), "/opt/coco"]
        for file in sorted((tree / "etc").iterdir()):
            options += ["--ro-bind", str(file), f"/etc/{file.name}"]
        options += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache", "--proc", "/proc"]
        for file_name in hidden.PROC_FILES:
            if Path("/proc", file_name).exists():
                options += ["--ro-bind", "/dev/null", f"/proc/{file_name}"]
        for folder in hidden.PROC_FOLDERS:
            if Path("/proc", folder).exists():
                options += ["--size", "4096", "--tmpfs", f"/proc/{folder}", "--remount-ro", f"/proc/{folder}"]
        options += ["--remount-ro", "/proc"]
        options += ["--dev", "/dev", "--perms", "1777", "--size", str(MIB), "--tmpfs", "/dev/shm"]  # noqa: S108 - inside
        options += ["--remount-ro", "/dev"]
        if root:
            options += ["--bind", str(tmp), "/tmp"]  # noqa: S108 - a tmpfs, see `_as_root`
        else:
            options += ["--perms", "1777", "--size", str(spec.limits.tmp_mb * MIB), "--tmpfs", "/tmp"]  # noqa: S108
        options += ["--bind", str(spec.volume), "/data", "--ro-bind", str(spec.gateway_dir), "/run/coco"]
        options += ["--remount-ro", "/", "--chdir", "/"]
        # fmt: on
        return options


@dataclass(frozen=True)
class Started:
    """A sandbox whose first process waits for `go`."""

    monitor: subprocess.Popen[bytes]
    pid: int
    start_time: int
    limits_kept_by: str
    go_fd: int

    def go(self) -> None:
        try:
            os.write(self.go_fd, b"g")
        except BrokenPipeError:
            return  # it refused to start; its log says why
        finally:
            os.close(self.go_fd)

    def give_up(self) -> None:
        """The first process reads the end of the pipe instead of a byte, and ends without having run anything."""
        os.close(self.go_fd)
        self.monitor.wait()


def _as_root(words: list[str], cgroup: Cgroup | None, spec: SandboxSpec, tmp: Path) -> Words:
    """The words run in the control group, and with a fixed-size noexec /tmp made ready in a mount namespace of its own
    (bwrap's own `--tmpfs` cannot be noexec)."""
    options = f"size={spec.limits.tmp_mb}m,mode=1777,nosuid,nodev,noexec"
    script = (
        'options=$1 tmp=$2; shift 2; while [ "$1" != -- ]; do echo $$ > "$1"; shift; done; shift; '
        'mount -t tmpfs -o "$options" tmpfs "$tmp"; exec "$@"'
    )
    joins = [str(path) for path in cgroup.join_files] if cgroup is not None else []
    # fmt: off
    return [
        "unshare", "--mount", "--propagation", "private", "--",
        "sh", "-e", "-c", script, "sh", options, str(tmp), *joins, "--", *words,
    ]
    # fmt: on


def core_limit(pattern: Path = Path("/proc/sys/kernel/core_pattern")) -> int:
    """RLIMIT_CORE inside, in bytes: `NO_CORE`, or 0 where whoever starts it may have no more. It is never raised.

    Raises SandboxError where, with 0, the kernel would hand dumps to a program of the host's (core(5)).
    """
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == resource.RLIM_INFINITY or hard >= NO_CORE:
        return NO_CORE
    if pattern.read_text(encoding="utf-8", errors="replace").startswith(("|", "@")):
        raise SandboxError(
            "the hard limit of core dumps is 0 here, with which the kernel hands dumps of a sandbox to the program in "
            f"{pattern}: allow 1 byte (ulimit -H -c 1, LimitCORE=1), or name a file there"
        )
    return 0


def _rlimits(spec: SandboxSpec, kept_by: str) -> dict[str, int]:
    bounds = {
        "RLIMIT_FSIZE": spec.limits.volume_mb * MIB,
        "RLIMIT_NOFILE": spec.limits.files,
        "RLIMIT_MEMLOCK": 64 * 1024,
        "RLIMIT_MSGQUEUE": 0,
    }
    if kept_by == "rlimit":
        # Per process, not together: the best there is without control groups.
        bounds["RLIMIT_DATA"] = spec.limits.memory_mb * MIB
        release = re.match(r"(\d+)\.(\d+)", platform.release())
        if os.geteuid() != 0 and release and (int(release[1]), int(release[2])) >= (5, 14):
            # Since 5.14 counted within the user namespace; before, with all else that the user runs.
            bounds["RLIMIT_NPROC"] = spec.limits.pids
    return bounds


def _interpreter_mounts(tree: Path) -> Words:
    """Options that bind this interpreter's closure, each file where it lies on the host."""
    description = closure.describe(tree / "opt/coco/site-packages")
    python, library = str(description["python"]), Path(str(description["library"]))
    libraries = description["libraries"]
    assert isinstance(libraries, dict)
    for path in (python, library / "os.py"):
        # Read by uid 10001 inside.
        if not os.stat(path).st_mode & 0o004:
            raise SandboxUnavailable(f"{path} is not readable by everybody: a sandbox cannot use this Python")
    # Folders above a bound file are made by bwrap for its own user alone, unless made before.
    above = {folder for path in (python, library, *libraries, "/usr/bin/python") for folder in Path(path).parents}
    options = [word for folder in sorted(above)[1:] for word in ("--perms", "0755", "--dir", str(folder))]
    options += ["--ro-bind", python, python, "--ro-bind", str(library), str(library)]
    for packages in ("site-packages", "dist-packages"):
        if (library / packages).is_dir():
            options += ["--size", "4096", "--tmpfs", str(library / packages), "--remount-ro", str(library / packages)]
    for path, real in sorted(libraries.items()):
        options += ["--ro-bind", real, path]
    if python != "/usr/bin/python":
        options += ["--symlink", python, "/usr/bin/python"]
    return options


def _prepare_volume(spec: SandboxSpec) -> None:
    spec.volume.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        volume.own(os.fspath(spec.volume), UID, GID)
    elif (owner := spec.volume.stat().st_uid) != os.geteuid():
        raise SandboxError(f"{spec.volume} belongs to uid {owner}, not to this process's {os.geteuid()}")
    measure_volume(spec.volume, spec.limits.volume_mb)


def _check_host() -> str:
    """The path of a bwrap that works here. Raises SandboxUnavailable."""
    if platform.system() != "Linux":
        raise SandboxUnavailable("it needs Linux; elsewhere, install Docker.")
    program = shutil.which("bwrap", path=os.environ.get("PATH", "") + ":/usr/local/bin:/usr/bin:/bin")
    if program is None:
        raise SandboxUnavailable(f"no bwrap program. {INSTALL}")
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.(\d+)", told)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        raise SandboxUnavailable(f"{program} is {told.strip() or 'of no version'}: 0.8 or newer is needed. {INSTALL}")
    try:
        with Path(os.devnull).open("wb") as nowhere:
            seccomp.write_bpf(nowhere)
    except (ImportError, RuntimeError, OSError) as error:
        raise SandboxUnavailable(f"no system call filter can be made ({error}). {INSTALL}") from error
    user = [] if os.geteuid() == 0 else ["--unshare-user"]
    # fmt: off
    trial = subprocess.run(
        [program, *user, "--unshare-pid", "--unshare-net", "--unshare-ipc", "--ro-bind", "/", "/", "--proc", "/proc",
         "--dev", "/dev", "--", "true"],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )
    # fmt: on
    if trial.returncode != 0:
        raise SandboxUnavailable(
            f"bwrap may not make namespaces here ({trial.stderr.strip()}). Run Coco as root, or allow unprivileged "
            "user namespaces (Debian: sysctl kernel.unprivileged_userns_clone=1; Ubuntu: an AppArmor profile)."
        )
    return program


def _has_user_manager() -> bool:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return bool(runtime) and Path(runtime, "systemd/private").exists()


def _starter_environment(prefix: list[str]) -> dict[str, str]:
    """What the starting programs on the host need; bwrap clears it for the sandbox."""
    environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    if prefix:
        environment["XDG_RUNTIME_DIR"] = os.environ["XDG_RUNTIME_DIR"]
    return environment


def _child_pid(info: int) -> int | None:
    """The host pid of the sandbox's first process, as bwrap tells it; None where it ended without."""
    told = b""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([info], [], [], 0.5)
        if not ready:
            continue
        data = os.read(info, 4096)
        told += data
        with contextlib.suppress(ValueError, KeyError):
            return int(json.loads(told)["child-pid"])
        if not data:
            return None
    return None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def _start_time(pid: int) -> int | None:
    """When a live process was started, in the kernel's ticks since boot; None where there is none (a zombie counts as
    none)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may hold anything: the fields that can be counted come after the last one.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def _is_ours(record: Record) -> bool:
    return record.boot == _boot_id() and _start_time(record.pid) == record.start_time


@contextlib.contextmanager
def _handle(pid: int, start_time: int) -> Iterator[int | None]:
    """A pidfd of exactly that process, or None: a pid that was given to another meanwhile is never touched."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        # Asked after the pidfd was opened: from here on the pid cannot come to mean another process unnoticed.
        yield fd if _start_time(pid) == start_time else None
    finally:
        os.close(fd)


def _signal(pid: int, start_time: int, number: signal.Signals) -> None:
    with _handle(pid, start_time) as fd, contextlib.suppress(ProcessLookupError):
        if fd is not None:
            signal.pidfd_send_signal(fd, number)


def _terminate(pid: int, start_time: int, grace: float) -> None:
    with _handle(pid, start_time) as fd:
        if fd is None:
            return
        if grace:
            _wait_for_handler(pid, fd, grace)
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _GRACE_S)):
            if patience == 0:
                continue
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, number)
            ready, _, _ = select.select([fd], [], [], patience)
            if ready:
                return
    raise SandboxError(f"process {pid} of the sandbox does not end, not even by SIGKILL")


def _wait_for_handler(pid: int, fd: int, seconds: float) -> None:
    """Until the process handles SIGTERM or has ended: the kernel drops what process 1 of a sandbox has no handler for,
    so that a stop right after the start would go unheard."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and not _handles(pid, signal.SIGTERM):
        if select.select([fd], [], [], 0.02)[0]:
            return


def _handles(pid: int, number: signal.Signals) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii", "replace")
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


def _clear(name: str) -> None:
    """Remove the control group, if there is one, with whatever is still in it (a sandbox whose start was cut short)."""
    if os.geteuid() != 0:
        return
    group = control_groups.existing(name)
    if group is None:
        return
    for pid in group.pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    try:
        group.remove()
    except OSError as error:
        raise SandboxError(f"the control group of {name} cannot be removed: {error}") from error
