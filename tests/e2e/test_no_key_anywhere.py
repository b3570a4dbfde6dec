"""After a whole run, the provider's key is where it must be (the sandbox's memory) and nowhere that it could be found:
not in Temporal's database, Postgres, logs, volumes, run directories, images, process arguments or environments; and no
crash of a process that has it in memory leaves it behind."""

from __future__ import annotations

import base64
import gzip
import os
import resource
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psycopg
import pytest

from sandbox.container import container_name
from tests.demo_fixture import ROOT
from tests.e2e.test_the_main_job import ENRICH, person_dsn, waiting_card
from tests.stack import Person, Stack, wait_for


def spellings(secret: str) -> list[bytes]:
    """As it is, and as the encodings in use here would spell it."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), quote(secret, safe="").encode()}
    # Base64 of a longer text that holds it depends on where it begins: the part that does not, for each of three.
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        found.add(text[4 if shift else 0 : -4])
    return sorted(found)


def holds(data: bytes, needles: list[bytes]) -> bool:
    return any(needle in data for needle in needles)


@pytest.fixture(scope="module")
def used(stack: Stack) -> Iterator[Person]:
    """Somebody whose keys were entered, tried out, swapped, read with and written with."""
    person = stack.sign_up()
    body = {"credential": {"secret": stack.demo.api_key}}
    swapped = person.call("POST", f"/connections/{person.hubspot}/credential", body)
    wait_for(
        "the swapped key",
        lambda: person.call("GET", f"/connections/{person.hubspot}")["check"]["state"] == "works",
        60,
    )
    assert swapped["state"] == "active"
    run_id, card = waiting_card(person, "enrich_tagged_contacts", **ENRICH)
    chosen, *others = card["actions"]
    for other in others:
        person.reject(other)
    person.approve(chosen)
    person.until(run_id, "done")
    yield person
    person.http.close()


def needles_of(stack: Stack) -> list[bytes]:
    return [needle for secret in (stack.demo.api_key, stack.demo.smtp_password) for needle in spellings(secret)]


def stream_holds(stream: IO[bytes], needles: list[bytes]) -> bool:
    """Whether any is in a stream of whatever length, also across the pieces that it is read in."""
    before = b""
    while piece := stream.read(4 << 20):
        if holds(before + piece, needles):
            return True
        before = piece[-max(map(len, needles)) :]
    return False


def workers(stack: Stack, person: Person) -> list[int]:
    """The interpreters of this person's own sandbox, which has its token before it. Not its init, which has no keys."""
    token = (stack.settings.run_dir / person.user_id / "token").read_bytes()
    found = []
    for process in Path("/proc").iterdir():
        try:
            told = (process / "cmdline").read_bytes().split(b"\0")
            is_worker = os.path.basename(told[0]).startswith(b"python") and b"workers.hermes" in told
            if is_worker and (process / "root/run/coco/token").read_bytes() == token:
                found.append(int(process.name))
        except (OSError, ValueError):
            continue  # no process, or it has ended
    return found


def files(stack: Stack) -> Iterator[Path]:
    """Everything that this deployment has on disk: state, logs, volumes, sockets' folders, Temporal's database."""
    own = Path(stack.demo.state)  # the provider's own, which is outside of Coco
    for path in stack.folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and own not in path.parents:
            yield path


def test_the_key_is_in_no_file_no_table_no_process_and_no_log(stack: Stack, used: Person) -> None:
    needles = needles_of(stack)
    sample = base64.b64encode(b"xx" + stack.demo.api_key.encode() + b"yy")
    assert holds(sample, needles), "the search finds nothing"

    names = []
    for path in files(stack):
        data = path.read_bytes()
        names.append(path.name)
        assert not holds(data, needles), path
    assert "keystore.json" in names
    assert [name for name in names if name.endswith(".db")], names
    assert {"gateway.log", "control.log", "public.log"} <= set(names)

    with psycopg.connect(person_dsn(stack)) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = 0
        for (table,) in tables:
            for (text,) in owner.execute(f"SELECT t::text FROM {table} t").fetchall():
                rows += 1
                assert not holds(text.encode(), needles), table
    assert rows > 50

    looked_at = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        for name in ("cmdline", "environ"):
            try:
                data = (process / name).read_bytes()
            except OSError:
                continue  # it has ended
            looked_at += 1
            assert not holds(data, needles), (process.name, name)
    assert looked_at > 10


def layers(command: list[str]) -> Iterator[tuple[str, IO[bytes]]]:
    """The members of an archive that docker writes, unpacked where a layer is packed."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is None:
                    continue
                packed: Any = PeekedStream(content)
                yield member.name, gzip.GzipFile(fileobj=packed) if packed.is_gzip else packed
        assert process.wait() == 0, command


class PeekedStream:
    """A stream whose first two bytes were looked at."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._first = stream.read(2)
        self.is_gzip = self._first == b"\x1f\x8b"

    def read(self, size: int = -1) -> bytes:
        first, self._first = self._first, b""
        return first + self._stream.read(size)


def test_the_key_is_in_no_image_and_in_no_file_that_a_sandbox_sees(stack: Stack, used: Person) -> None:
    needles = needles_of(stack)
    if stack.sandbox_kind == "docker":
        name = container_name(stack.settings.deployment, used.user_id)
        inspect = ["docker", "inspect", name]
        described = subprocess.run(inspect, capture_output=True, check=True).stdout
        assert not holds(described, needles)
        image = subprocess.run([*inspect, "--format", "{{.Image}}"], capture_output=True, check=True, text=True)
        # Every layer and the image's configuration; then the container's own root, with whatever it wrote there.
        for command, at_least in (["docker", "save", image.stdout.strip()], 2), (["docker", "export", name], 500):
            looked_at = 0
            for member, content in layers(command):
                looked_at += 1
                assert not stream_holds(content, needles), (command[1], member)
            assert looked_at >= at_least, command[1]
    else:
        trees = [path for path in (stack.settings.state_dir / "sandboxes").rglob("tree-*") if path.is_dir()]
        assert trees
        for tree in trees:
            for path in tree.rglob("*"):
                assert not (path.is_file() and holds(path.read_bytes(), needles)), path
    # As the processes inside see it: what lives in their memory alone is in no image.
    [pid, *_] = workers(stack, used)
    seen = set()
    for folder in ("tmp", "run", "data", "dev/shm", "etc", "opt/coco"):
        for path in Path(f"/proc/{pid}/root/{folder}").rglob("*"):
            if path.is_file() and not path.is_symlink():
                seen.add(path.name)
                with path.open("rb") as content:
                    assert not stream_holds(content, needles), path
    assert {"keystore.json", "token", "hermes.py"} <= seen


def no_core_limit(pid: int) -> bool:
    [line] = [
        line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if line.startswith("Max core file size")
    ]
    # One byte: smaller than any dump, and the kernel pipes none to a crash handler either (kernel/coredump.c).
    return line.split()[4] in {"0", "1"}


READ_MEMORY = """
import os, sys
os.setgroups([]), os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
with open(f"/proc/{sys.argv[1]}/maps") as maps:
    start = next(int(line.split("-")[0], 16) for line in maps if "[heap]" in line or "rw-p" in line)
with open(f"/proc/{sys.argv[1]}/mem", "rb") as memory:
    memory.seek(start)
    sys.stdout.write("read" if len(memory.read(64)) == 64 else "nothing")
"""


def memory_read(pid: int, uid: int) -> bool:
    """Whether a process of that user gets at another's memory as a debugger or gcore does."""
    command = [sys.executable, "-S", "-c", READ_MEMORY, str(pid), str(uid)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "read" or "PermissionError" in done.stderr, (done.stdout, done.stderr)
    return done.stdout == "read"


def end_of(process: subprocess.Popen[bytes]) -> int:
    """How a process ended by a signal: os.CLD_DUMPED where the kernel wrote or piped its memory, else os.CLD_KILLED."""
    told = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert told is not None
    process.wait()
    return told.si_code


def cores(*folders: Path) -> set[Path]:
    """What a crash may leave in the folders, by the usual names and by the kernel's pattern."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    found = {path for folder in folders for path in folder.glob("core*") if path.is_file()}
    if pattern.startswith("/"):
        found |= {path for path in Path(pattern).parent.glob("*") if path.is_file()}
    return found


def test_no_process_that_holds_keys_dumps_its_memory(stack: Stack, used: Person) -> None:
    """The gateway, and whatever runs in sandboxes: a core dump would hold every key that was in use."""
    inside = workers(stack, used)
    assert inside
    assert no_core_limit(stack.processes["gateway"].pid)
    for pid in inside:
        assert no_core_limit(pid)
        # The kernel gives what is below /proc of a process that may not be dumped to root (proc_pid(5)).
        uid = int(Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[0])
        assert uid != 0
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        assert not memory_read(pid, uid), "another process of the sandbox's user reads its memory"
        assert not memory_read(pid, 65534)
    assert not memory_read(stack.processes["gateway"].pid, 65534)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT], ids=["SIGSEGV", "SIGABRT"])
def test_a_crash_of_a_sandboxs_worker_leaves_no_core_file(stack: Stack, used: Person, number: signal.Signals) -> None:
    volume = stack.settings.state_dir / "volumes" / used.user_id
    used.start(used.workflow("enrich_tagged_contacts", **ENRICH))  # starts the sandbox where none runs
    [pid, *_] = wait_for("the sandbox", lambda: workers(stack, used), 60)
    folders = (volume, Path(f"/proc/{pid}/root"), Path(f"/proc/{pid}/root/tmp"))
    assert not cores(*folders)
    before = cores(ROOT, Path("/"))
    os.kill(pid, number)
    wait_for("its end", lambda: pid not in workers(stack, used))
    assert not cores(volume)
    assert cores(ROOT, Path("/")) == before


def test_a_crash_of_the_gateway_leaves_no_core_file(stack: Stack, used: Person, tmp_path: Path) -> None:
    """Started by somebody who asks for core dumps of any size."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        crash = [sys.executable, "-S", "-c", "import os; os.abort()"]
        careless = end_of(subprocess.Popen(crash, cwd=tmp_path))
        before = cores(ROOT)
        for number in (signal.SIGSEGV, signal.SIGABRT):
            stack.processes["gateway"].terminate()
            stack.processes["gateway"].wait()
            # What a crash leaves would pass for a gateway that is ready.
            (stack.settings.run_dir / "admin.sock").unlink(missing_ok=True)
            stack.start("gateway")
            stack.ready()
            stack.processes["gateway"].send_signal(number)
            assert end_of(stack.processes["gateway"]) == os.CLD_KILLED
            assert stack.processes["gateway"].returncode == -number
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
        stack.start("gateway")
        stack.ready()
    assert cores(ROOT) == before
    if limits[1] == resource.RLIM_INFINITY and not Path("/proc/sys/kernel/core_pattern").read_text().startswith("|"):
        assert careless == os.CLD_DUMPED, "nothing dumps here, so this test shows nothing"
