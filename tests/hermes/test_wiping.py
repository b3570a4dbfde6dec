"""Emptying a volume that a hostile sandbox has left behind."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from coco.gateway_protocol import Credential
from coco.keys import UserKeys
from tests.hermes.test_key_store import sealed
from workers.keystore import FILE_NAME, KeyStore, NoCredential
from workers.wiping import empty, remove

KEYS = UserKeys({1: b"k" * 32})


def test_only_the_key_store_stays_and_the_revoked_key_goes(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    store = KeyStore.open(volume, KEYS)
    kept, revoked = (
        sealed(store, uuid4(), Credential(scheme="bearer", secret=secret))
        for secret in ("kept-key-123456", "revoked-key-123456")
    )
    store.take_in([kept, revoked])
    (volume / "cache" / "deep").mkdir(parents=True)
    (volume / "cache" / "deep" / "page.json").write_text("MARKER")
    (volume / ".hidden").write_text("MARKER")
    mode = (volume / FILE_NAME).stat().st_mode
    empty(volume, [revoked.connection_id])
    assert os.listdir(volume) == [FILE_NAME]
    assert (volume / FILE_NAME).stat().st_mode == mode
    again = KeyStore.open(volume, KEYS)
    assert again.credential_for(kept.connection_id).secret == "kept-key-123456"
    with pytest.raises(NoCredential):
        again.credential_for(revoked.connection_id)
    assert again.public_key == store.public_key


def test_nothing_outside_is_touched_and_nothing_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.json").write_text(json.dumps({"credentials": {}}))
    volume = tmp_path / "volume"
    (volume / "folder").mkdir(parents=True)
    (volume / "link-to-folder").symlink_to(outside)
    (volume / "folder" / "link").symlink_to(outside)
    (volume / FILE_NAME).symlink_to(outside / "precious.json")
    os.mkfifo(volume / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(volume / "s"))
        empty(volume, [uuid4()])
    assert os.listdir(volume) == []
    assert (outside / "precious.json").read_text() == json.dumps({"credentials": {}})


@pytest.mark.parametrize("text", ["", "null", "[]", '{"credentials": 5}', "{" * 5000, '{"format": 1}'])
def test_a_damaged_key_store_is_left_for_its_sandbox_to_say_so(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    empty(tmp_path, [uuid4()])
    assert (tmp_path / FILE_NAME).read_text() == text


def test_a_sandbox_that_never_started_has_nothing_to_empty(tmp_path: Path) -> None:
    empty(tmp_path / "nowhere", [uuid4()])


def test_a_volume_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "volume").symlink_to(tmp_path / "real")
    with pytest.raises(OSError, match=r"symbolic|directory"):
        empty(tmp_path / "volume", [])
    assert (tmp_path / "real" / "file").exists()


def dug(volume: Path, depth: int) -> None:
    """Folders within folders, as nobody could name them by a path."""
    here = os.open(volume, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("secret", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize("clear", [lambda volume: empty(volume, []), remove], ids=["empty", "remove"])
def test_folders_that_go_deeper_than_any_stack_are_removed(tmp_path: Path, clear: Callable[[Path], None]) -> None:
    """A sandbox that digs must not keep its account from being erased, or a revocation from being seen through."""
    volume = tmp_path / "volume"
    volume.mkdir()
    dug(volume, 3000)
    (volume / "beside" / "more").mkdir(parents=True)
    clear(volume)
    assert not volume.exists() or os.listdir(volume) == []
    clear(volume)


def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (tmp_path / "volume").symlink_to(outside)
    with pytest.raises(OSError, match="volume"):
        remove(tmp_path / "volume")
    assert os.listdir(outside) == ["precious"]
