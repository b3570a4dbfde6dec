"""The embedded Postgres asks for a password, opens no port, and is closed to everybody else on the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from cli import postgres
from cli.places import Places, places
from coco.settings import Settings


@pytest.fixture(scope="module")
def here(short_dir: Path) -> Iterator[Places]:
    here = places(Settings(state_dir=short_dir / "pg"))
    here.make()
    with postgres.running(here):
        yield here


def test_no_one_comes_in_without_the_password(here: Places) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.address(here, password=False))
    with psycopg.connect(postgres.address(here)) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (postgres.DATABASE,)


def test_it_listens_on_no_port(here: Places) -> None:
    server = postgres.postmaster(here)
    assert server is not None
    assert [one for one in server.net_connections("tcp") if one.status == psutil.CONN_LISTEN] == []


def test_its_socket_and_data_are_closed(here: Places) -> None:
    for folder in (here.postgres_socket, postgres.data(here)):
        assert folder.stat().st_mode & 0o077 == 0


def test_it_is_never_root(here: Places) -> None:
    server = postgres.postmaster(here)
    assert server is not None
    assert server.uids().effective != 0


def test_one_that_a_kill_left_is_stopped(short_dir: Path) -> None:
    left = places(Settings(state_dir=short_dir / "left"))
    left.make()
    with postgres.running(left):
        assert postgres.stop_left_over(left)
        assert not postgres.answers(left)
    assert not postgres.stop_left_over(left)


def test_a_deep_state_directory_has_its_sockets_elsewhere(short_dir: Path) -> None:
    deep = places(Settings(state_dir=short_dir / ("d" * 60) / ("e" * 60)))
    deep.make()
    assert not deep.postgres_socket.is_relative_to(deep.state)
    assert not deep.run.is_relative_to(deep.state)
    assert deep.short.stat().st_mode & 0o066 == 0
    with postgres.running(deep):
        assert postgres.answers(deep)
    deep.postgres_socket.rmdir()
    deep.short.rmdir()
