"""Encryption of Temporal payloads with per-user keys: AES-256-GCM, bound to the user.

Metadata that stays readable: the encoding's name, the user's id (opaque) and the key's version.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coco.errors import InvalidInput
from coco.keys import UserKeys

ENCODING = b"binary/coco-encrypted"
USER = "coco-user"
VERSION = "coco-key-version"
_NONCE = 12

Lookup = Callable[[UUID], UserKeys]
"""A user's payload keys. Raises NotFound for a user it may not or cannot serve."""


def encrypt(user_id: UUID, plain: bytes, lookup: Lookup) -> tuple[dict[str, bytes], bytes]:
    """(metadata, data) of an encrypted payload."""
    version, key = lookup(user_id).current
    metadata = {"encoding": ENCODING, USER: str(user_id).encode(), VERSION: str(version).encode()}
    nonce = os.urandom(_NONCE)
    return metadata, nonce + AESGCM(key).encrypt(nonce, plain, _bound_to(user_id, version))


def is_encrypted(metadata: Mapping[str, bytes]) -> bool:
    return metadata.get("encoding") == ENCODING


def user_of(metadata: Mapping[str, bytes]) -> UUID:
    """Whose payload it is. Raises InvalidInput for malformed metadata."""
    try:
        return UUID(metadata[USER].decode())
    except (KeyError, ValueError) as error:
        raise InvalidInput("the payload does not name its user") from error


def decrypt(metadata: Mapping[str, bytes], data: bytes, lookup: Lookup) -> bytes:
    """The plain bytes. Raises InvalidInput where the payload was altered or its key is gone."""
    user_id = user_of(metadata)
    try:
        version = int(metadata[VERSION])
        key = lookup(user_id).by_version[version]
        return AESGCM(key).decrypt(data[:_NONCE], data[_NONCE:], _bound_to(user_id, version))
    except (KeyError, ValueError, InvalidTag) as error:
        raise InvalidInput("the payload was altered, or its key is gone") from error


def _bound_to(user_id: UUID, version: int) -> bytes:
    return f"coco payload {user_id} {version}".encode()
