"""`coco doctor`: what this machine has of what Coco needs, and how to get the rest. Changes nothing."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import psutil
import psycopg
from pydantic import BaseModel

from cli import postgres
from cli.errors import Fix
from cli.lock import InUse, held
from cli.owner import owner_address, with_password
from cli.places import deployment_of, places
from cli.up.ports import is_free
from coco.settings import Settings

MIB = 2**20
DISK_NEEDED, DISK_WISHED = 1024, 4096
"""MiB: a sandbox image with its layers and the databases; and room to live."""
MEMORY_WISHED = 2048
TWO_PORTS = "the next free one is used"


class State(StrEnum):
    """What a check found."""

    OK = "ok"
    NOTE = "note"
    """Works, with what is said."""
    MISSING = "missing"
    """Coco cannot start without it."""


class Check(BaseModel):
    """One line of the examination. `fix` says what to do; empty where nothing is to be done."""

    name: str
    state: State
    found: str
    fix: str = ""


def examine(settings: Settings) -> list[Check]:
    """Every check, in the order in which `coco up` needs them."""
    steps: list[Callable[[Settings], Check]] = [
        _python,
        _state_dir,
        _disk,
        _memory,
        _postgres,
        _temporal,
        _sandbox,
        _ports,
        _clock,
        _browser,
    ]
    return [step(settings) for step in steps]


def _python(settings: Settings) -> Check:
    # An older one does not come this far: the package refuses to be installed there, and `make` says so.
    return Check(name="Python", state=State.OK, found=sys.version.split()[0])


def _state_dir(settings: Settings) -> Check:
    state = places(settings).state
    above = next(folder for folder in (state, *state.parents) if folder.exists())
    name = "State directory"
    if not above.is_dir():
        return Check(name=name, state=State.MISSING, found=f"{above} is a file", fix="set COCO_STATE_DIR")
    if not os.access(above, os.W_OK | os.X_OK):
        return Check(
            name=name, state=State.MISSING, found=f"{above} cannot be written", fix="set COCO_STATE_DIR to your own"
        )
    return Check(name=name, state=State.OK, found=f"{state}, {'in use' if _in_use(settings) else 'free'}")


def _in_use(settings: Settings) -> bool:
    path = places(settings).lock
    if not path.exists() or not os.access(path, os.R_OK | os.W_OK):
        return False
    try:
        with held(path, "coco doctor"):
            return False
    except InUse:
        return True


def _disk(settings: Settings) -> Check:
    state = places(settings).state
    above = next(folder for folder in (state, *state.parents) if folder.exists())
    free = shutil.disk_usage(above).free // MIB
    found = f"{free:,} MiB free"
    if free < DISK_NEEDED:
        return Check(name="Disk", state=State.MISSING, found=found, fix=f"free {DISK_NEEDED - free:,} MiB at {above}")
    if free < DISK_WISHED:
        return Check(name="Disk", state=State.NOTE, found=found, fix=f"{DISK_WISHED:,} MiB are comfortable")
    return Check(name="Disk", state=State.OK, found=found)


def _memory(settings: Settings) -> Check:
    available = psutil.virtual_memory().available // MIB
    found = f"{available:,} MiB available"
    if available < MEMORY_WISHED:
        return Check(name="Memory", state=State.NOTE, found=found, fix=f"{MEMORY_WISHED:,} MiB are comfortable")
    return Check(name="Memory", state=State.OK, found=found)


def _postgres(settings: Settings) -> Check:
    if settings.database_url is not None:
        return _given_postgres(settings.database_url.get_secret_value())
    name = "Postgres (embedded)"
    try:
        done = subprocess.run([str(postgres.binaries() / "postgres"), "--version"], capture_output=True, text=True)
    except (Fix, OSError) as error:
        return Check(name=name, state=State.MISSING, found=str(error), fix="make setup, or set DATABASE_URL")
    if done.returncode != 0:
        found = done.stderr.strip()[:200]
        return Check(name=name, state=State.MISSING, found=found, fix="set DATABASE_URL to a Postgres of your own")
    if os.geteuid() == 0 and not _has_user(postgres.SYSTEM_USER) and shutil.which("useradd") is None:
        return Check(
            name=name,
            state=State.MISSING,
            found="Postgres refuses to run as root, and useradd is not installed",
            fix="run Coco as an ordinary user, or set DATABASE_URL",
        )
    return Check(name=name, state=State.OK, found=done.stdout.strip())


def _has_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _given_postgres(address: str) -> Check:
    name = "Postgres (DATABASE_URL)"
    try:
        with psycopg.connect(with_password(address, None), connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT r.rolsuper OR r.rolcreaterole, has_database_privilege(current_database(), 'CREATE') "
                "FROM pg_roles r WHERE r.rolname = current_user"
            ).fetchone()
            version = connection.info.server_version // 10000
    except Fix as error:
        return Check(name=name, state=State.MISSING, found=str(error), fix="put DATABASE_URL right")
    except psycopg.Error as error:
        found = str(error).strip().splitlines()[0]
        return Check(name=name, state=State.MISSING, found=found, fix=f"see that {owner_address(address)} answers")
    found = f"PostgreSQL {version} answers"
    if row is None or not all(row):
        return Check(
            name=name,
            state=State.MISSING,
            found=f"{found}, but its user may not make roles and tables",
            fix="ALTER ROLE … CREATEROLE, and make it the database's owner",
        )
    if version < 14:
        return Check(name=name, state=State.MISSING, found=found, fix="use PostgreSQL 14 or newer")
    return Check(name=name, state=State.OK, found=found)


def _temporal(settings: Settings) -> Check:
    if settings.temporal_address is not None:
        return asyncio.run(_given_temporal(settings))
    from cli.up.specs import temporal_binary

    name = "Temporal (embedded)"
    try:
        done = subprocess.run([str(temporal_binary()), "--version"], capture_output=True, text=True, timeout=60)
    except (Fix, OSError, subprocess.TimeoutExpired) as error:
        return Check(name=name, state=State.MISSING, found=str(error), fix="make setup, or set TEMPORAL_ADDRESS")
    if done.returncode != 0:
        found = (done.stderr or done.stdout).strip()[:200]
        return Check(name=name, state=State.MISSING, found=found, fix="set TEMPORAL_ADDRESS to a server of your own")
    return Check(name=name, state=State.OK, found=done.stdout.strip())


async def _given_temporal(settings: Settings) -> Check:
    from temporalio.converter import DataConverter
    from temporalio.service import RPCError

    from workers.temporal import connect

    name = "Temporal (TEMPORAL_ADDRESS)"
    try:
        async with asyncio.timeout(10):
            client = await connect(settings, DataConverter.default)
            await client.count_workflows()
    except (RuntimeError, RPCError, TimeoutError, OSError) as error:
        found = f"{settings.temporal_address}: {str(error) or 'no answer within 10 s'}"[:300]
        return Check(
            name=name, state=State.MISSING, found=found, fix="check address, namespace, TLS and API key (TEMPORAL_*)"
        )
    return Check(name=name, state=State.OK, found=f"{settings.temporal_address} answers")


def _sandbox(settings: Settings) -> Check:
    from sandbox.container import SandboxUnavailable, detect

    async def look() -> str:
        with tempfile.TemporaryDirectory(prefix="coco-doctor-") as folder:
            kind = await detect(
                None if settings.sandbox == "auto" else settings.sandbox,
                deployment=deployment_of(settings),
                state_dir=Path(folder),
            )
            return str(getattr(kind, "kind", settings.sandbox))

    try:
        found = asyncio.run(look())
    except SandboxUnavailable as error:
        return Check(
            name="Sandboxes",
            state=State.MISSING,
            found=str(error),
            fix="apt-get install docker.io (and start its daemon), or apt-get install bubblewrap libseccomp2",
        )
    return Check(name="Sandboxes", state=State.OK, found=found)


def _ports(settings: Settings) -> Check:
    if _in_use(settings):
        return Check(name="Ports", state=State.OK, found="Coco is running")
    wanted = {
        "public": (settings.public_host, settings.public_port, "public_port"),
        "internal": (settings.internal_host, settings.internal_port, "internal_port"),
        "codec": (settings.internal_host, settings.codec_port, "codec_port"),
        "Temporal UI": ("127.0.0.1", settings.temporal_ui_port, "temporal_ui_port"),
    }
    try:
        taken = {name: entry for name, entry in wanted.items() if not is_free(entry[0], entry[1])}
    except Fix as error:
        return Check(name="Ports", state=State.MISSING, found=str(error), fix="put COCO_PUBLIC_HOST right")
    if not taken:
        return Check(name="Ports", state=State.OK, found=", ".join(str(entry[1]) for entry in wanted.values()))
    found = ", ".join(f"{entry[1]} ({name})" for name, entry in taken.items()) + " taken"
    if any(entry[2] in settings.model_fields_set for entry in taken.values()):
        return Check(name="Ports", state=State.MISSING, found=found, fix="name other ports, or stop what uses them")
    return Check(name="Ports", state=State.NOTE, found=found, fix=TWO_PORTS)


def _clock(settings: Settings) -> Check:
    """Tokens, grants and schedules depend on it."""
    now = time.time()
    found = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < Path(__file__).stat().st_mtime - 86400:
        return Check(
            name="Clock", state=State.MISSING, found=f"{found}, before Coco was installed", fix="set the clock"
        )
    synchronised = _synchronised()
    if synchronised is False:
        return Check(name="Clock", state=State.NOTE, found=f"{found}, not synchronised", fix="timedatectl set-ntp true")
    return Check(name="Clock", state=State.OK, found=found + (", synchronised" if synchronised else ""))


def _synchronised() -> bool | None:
    """What systemd says, or None where nobody knows."""
    try:
        words = ["timedatectl", "show", "--property=NTPSynchronized", "--value"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {"yes": True, "no": False}.get(done.stdout.strip())


def _browser(settings: Settings) -> Check:
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )
    if found:
        return Check(name="Chromium", state=State.OK, found=found)
    fix = "only for `make test`: apt-get install chromium fonts-dejavu-core"
    return Check(name="Chromium", state=State.NOTE, found="not installed", fix=fix)
