"""Payloads open with their own user's key, unaltered, and in no other way."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco.errors import InvalidInput, NotFound
from coco.keys import MasterKey, UserKeys, new_user_key
from coco.payloads import USER, VERSION, decrypt, encrypt

ADA, EVE = UUID(int=1), UUID(int=2)
KEYS = {ADA: UserKeys({1: new_user_key(), 2: new_user_key()}), EVE: UserKeys({1: new_user_key(), 2: new_user_key()})}


def lookup(user_id: UUID) -> UserKeys:
    if user_id not in KEYS:
        raise NotFound("no keys")
    return KEYS[user_id]


@given(st.binary(max_size=200))
def test_round_trip_hides_the_text(plain: bytes) -> None:
    metadata, data = encrypt(ADA, plain, lookup)
    assert decrypt(metadata, data, lookup) == plain
    if len(plain) > 3:
        assert plain not in data


@given(st.integers(0, 1000), st.integers(1, 255))
def test_an_altered_payload_is_refused(at: int, by: int) -> None:
    metadata, data = encrypt(ADA, b"some text", lookup)
    position = at % len(data)
    altered = data[:position] + bytes([data[position] ^ by]) + data[position + 1 :]
    with pytest.raises(InvalidInput):
        decrypt(metadata, altered, lookup)


@pytest.mark.parametrize(
    "change", [{USER: str(EVE).encode()}, {VERSION: b"1"}, {VERSION: b"9"}, {VERSION: b"x"}, {USER: b"nobody"}]
)
def test_it_cannot_be_passed_off_as_anothers(change: dict[str, bytes]) -> None:
    metadata, data = encrypt(ADA, b"some text", lookup)
    with pytest.raises(InvalidInput):
        decrypt(metadata | change, data, lookup)


def test_the_newest_key_encrypts_and_the_older_still_opens() -> None:
    metadata, data = encrypt(ADA, b"x", lambda _: UserKeys({1: KEYS[ADA].by_version[1]}))
    assert metadata[VERSION] == b"1"
    assert decrypt(metadata, data, lookup) == b"x"
    assert encrypt(ADA, b"x", lookup)[0][VERSION] == b"2"


def test_a_master_key_rotates() -> None:
    old, new = MasterKey.generate(), MasterKey.generate()
    wrapped = MasterKey(old).wrap(b"k" * 32)
    assert MasterKey(f"{new},{old}").unwrap(wrapped) == b"k" * 32
    with pytest.raises(InvalidInput, match="another master key"):
        MasterKey(new).unwrap(wrapped)
    with pytest.raises(InvalidInput, match="COCO_MASTER_KEY"):
        MasterKey("short")
    assert old not in repr(MasterKey(old))
