"""Which ports are taken, and that they stay what they were where somebody remembers them."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from cli.errors import Fix
from cli.up.ports import Ports


@pytest.fixture
def taken() -> socket.socket:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener  # type: ignore[misc]


def test_the_next_free_one_is_used_and_said(tmp_path: Path, taken: socket.socket) -> None:
    said: list[str] = []
    port = taken.getsockname()[1]
    chosen = Ports(tmp_path / "ports.json", said.append).choose("inbox", "127.0.0.1", port)
    assert chosen > port
    assert said == [f"port {port} is taken: inbox listens on {chosen}"]


def test_one_that_was_asked_for_is_taken_or_nothing(tmp_path: Path, taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    with pytest.raises(Fix, match=f"port {port}, asked for inbox, is taken"):
        Ports(tmp_path / "ports.json", print).choose("inbox", "127.0.0.1", port, demanded=True)


def test_none_is_given_twice(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json", print)
    first = ports.choose("one", "127.0.0.1", 0)
    assert ports.choose("two", "127.0.0.1", first) != first


def test_the_next_start_keeps_it(tmp_path: Path) -> None:
    before = Ports(tmp_path / "ports.json", print)
    first = before.choose("demo", "127.0.0.1", 0)
    before.release()
    assert Ports(tmp_path / "ports.json", print).choose("demo", "127.0.0.1", 0, same=True) == first


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    with pytest.raises(Fix, match=r"192\.0\.2\.1 is no address of this machine"):
        Ports(tmp_path / "ports.json", print).choose("inbox", "192.0.2.1", 8700)


@pytest.mark.skipif(sys.platform != "linux", reason="ports are claimed on Linux alone")
def test_two_starts_at_once_choose_different_ones(tmp_path: Path) -> None:
    """Nothing listens yet when the second one chooses."""
    one, other = Ports(tmp_path / "one.json", print), Ports(tmp_path / "other.json", print)
    port = one.choose("inbox", "127.0.0.1", 0)
    assert other.choose("inbox", "127.0.0.1", port) != port
    with pytest.raises(Fix, match=f"port {port}, asked for gate, is taken"):
        other.choose("gate", "127.0.0.1", port, demanded=True)
    one.release()
    assert other.choose("gate", "127.0.0.1", port) == port
