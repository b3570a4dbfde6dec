"""The database as its owner, for the commands of the person who runs this installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from cli import postgres
from cli.errors import Fix
from cli.lock import InUse, held
from cli.places import places
from coco.settings import Settings
from store.database import rendered


@contextmanager
def running_database(settings: Settings, *, password_file: str | None = None) -> Iterator[str]:
    """The owner's address, with the database behind it running: DATABASE_URL's, the embedded one as it runs, or the
    embedded one started for the while. Raises Fix; a psycopg.OperationalError within becomes one too."""
    if settings.database_url is not None:
        address = with_password(settings.database_url.get_secret_value(), password_file)
        with _readable(address):
            psycopg.connect(address, connect_timeout=10).close()
            yield address
        return
    here = places(settings)
    if not postgres.data(here).exists():
        raise Fix(f"there is no database in {here.state}: start `coco up` once, or set DATABASE_URL or COCO_STATE_DIR")
    address = postgres.address(here)
    try:
        with held(here.lock, "a coco command"), postgres.running(here), _readable(address):
            yield address
    except InUse:
        if not postgres.answers(here):
            raise
        with _readable(address):
            yield address


def with_password(address: str, password_file: str | None) -> str:
    """The address with the password from a file. Raises Fix."""
    try:
        url = make_url(address)
        if not url.drivername.startswith("postgres"):
            raise ArgumentError("another scheme")
    except ArgumentError:
        raise Fix("DATABASE_URL must look like postgresql://user:password@host:5432/database") from None
    if password_file is None:
        return address
    try:
        password = Path(password_file).read_text().strip()
    except OSError as error:
        raise Fix(f"--password-file {password_file}: {error.strerror}") from None
    return rendered(url.set(password=password))


def owner_address(address: str) -> str:
    """The address for people: without its password."""
    return make_url(address).render_as_string(hide_password=True)


@contextmanager
def _readable(address: str) -> Iterator[None]:
    try:
        yield
    except psycopg.OperationalError as error:
        first = str(error).strip().splitlines()[0]
        raise Fix(f"the database at {owner_address(address)} does not answer: {first}") from None
    except psycopg.errors.UndefinedTable:
        raise Fix("this database holds no Coco yet: run `coco migrate` first") from None
