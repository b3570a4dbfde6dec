"""The key store: encrypted on the volume, plaintext only for one call, the newest credential of each connection."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from nacl.public import PrivateKey

from coco.errors import Code, InvalidInput
from coco.gateway_protocol import Credential, SealedItem
from coco.keys import UserKeys, new_user_key
from coco.requests import Frozen
from coco.sealing import open_sealed, seal
from workers.keystore import FILE_NAME, KeyStore, KeyStoreDamaged, NoCredential

KEYS = UserKeys({1: new_user_key()})
CREDENTIAL = Credential(scheme="bearer", secret="a-very-secret-provider-key")


def sealed(store: KeyStore, connection: UUID, credential: Frozen = CREDENTIAL) -> SealedItem:
    raw = seal(store.public_key, credential)
    return SealedItem(id=uuid4(), connection_id=connection, sealed=base64.b64encode(raw).decode())


def test_a_credential_survives_a_restart_and_is_nowhere_in_plaintext(tmp_path: Path) -> None:
    store, connection = KeyStore.open(tmp_path, KEYS), uuid4()
    item = sealed(store, connection)
    assert store.take_in([item]) == []
    again = KeyStore.open(tmp_path, KEYS)
    assert again.public_key == store.public_key
    assert again.credential_for(connection) == CREDENTIAL
    raw = (tmp_path / FILE_NAME).read_bytes()
    assert CREDENTIAL.secret.encode() not in raw
    assert CREDENTIAL.secret not in repr(again) + repr(again.credential_for(connection))
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [FILE_NAME]


def test_a_copy_of_the_volume_opens_nothing(tmp_path: Path) -> None:
    store, connection = KeyStore.open(tmp_path, KEYS), uuid4()
    item = sealed(store, connection)
    store.take_in([item])
    with pytest.raises(KeyStoreDamaged, match="cannot be opened"):
        KeyStore.open(tmp_path, UserKeys({1: new_user_key()}))
    value = json.loads((tmp_path / FILE_NAME).read_text())
    with pytest.raises(InvalidInput):
        open_sealed(PrivateKey(base64.urlsafe_b64decode(value["private_key"])[:32]), base64.b64decode(item.sealed))


def test_rotated_keys_still_open_what_the_older_ones_closed(tmp_path: Path) -> None:
    store, connection = KeyStore.open(tmp_path, KEYS), uuid4()
    store.take_in([sealed(store, connection)])
    rotated = UserKeys({**KEYS.by_version, 2: new_user_key()})
    store = KeyStore.open(tmp_path, rotated)
    assert store.credential_for(connection) == CREDENTIAL
    other = uuid4()
    store.take_in([sealed(store, connection), sealed(store, other)])
    assert KeyStore.open(tmp_path, rotated).credential_for(other) == CREDENTIAL
    # All of it moved to the newest key, so that the older one can go.
    only_new = KeyStore.open(tmp_path, UserKeys({2: rotated.by_version[2]}))
    assert only_new.public_key == store.public_key
    assert {only_new.credential_for(item) for item in (connection, other)} == {CREDENTIAL}


def test_the_newest_credential_of_a_connection_wins_and_removed_ones_go(tmp_path: Path) -> None:
    store, one, two = KeyStore.open(tmp_path, KEYS), uuid4(), uuid4()
    old, new = Credential(scheme="bearer", secret="old-secret"), Credential(scheme="bearer", secret="new-secret")
    first, second, third = sealed(store, one, old), sealed(store, two), sealed(store, one, new)
    store.take_in([first, second, third])
    assert store.credential_for(one) == new
    store.take_in([second])
    with pytest.raises(NoCredential) as caught:
        store.credential_for(one)
    assert caught.value.code is Code.CONNECTION_UNUSABLE
    assert store.credential_for(two) == CREDENTIAL


def test_one_that_was_sealed_to_another_key_leaves_the_others_alone(tmp_path: Path) -> None:
    store, stranger = KeyStore.open(tmp_path / "a", KEYS), KeyStore.open(tmp_path / "b", KEYS)
    one, two = uuid4(), uuid4()
    bad = SealedItem(id=uuid4(), connection_id=two, sealed="not base64!")
    assert store.take_in([sealed(stranger, one), bad]) == [one, two]
    three = uuid4()
    assert store.take_in([sealed(stranger, one), sealed(store, three)]) == [one]
    assert store.credential_for(three) == CREDENTIAL


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "private_key": 5}'])
def test_a_damaged_file_is_said_to_be_so_and_never_overwritten(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(KeyStoreDamaged, match="keystore"):
        KeyStore.open(tmp_path, KEYS)
    assert (tmp_path / FILE_NAME).read_text() == content


@pytest.mark.parametrize("key", ["", "xyz", "00", "zz" * 32, "aa" * 31])
def test_sealing_to_something_that_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidInput):
        seal(key, CREDENTIAL)


def test_nobody_else_opens_what_was_sealed() -> None:
    mine, other = PrivateKey.generate(), PrivateKey.generate()
    raw = seal(bytes(mine.public_key).hex(), CREDENTIAL)
    assert open_sealed(mine, raw) == CREDENTIAL
    assert CREDENTIAL.secret.encode() not in raw
    for key, data in ((other, raw), (mine, raw[:-1]), (mine, raw[:-1] + bytes([raw[-1] ^ 1])), (mine, b"")):
        with pytest.raises(InvalidInput) as caught:
            open_sealed(key, data)
        assert CREDENTIAL.secret not in str(caught.value)
