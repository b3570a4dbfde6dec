"""Sealing credentials to a user's sandbox: whoever seals can no longer open it (NaCl sealed box, X25519)."""

from __future__ import annotations

import hashlib
import hmac
from typing import TypeVar

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from pydantic import ValidationError

from coco.canonical import canonical
from coco.errors import InvalidInput
from coco.gateway_protocol import Credential
from coco.keys import MasterKey
from coco.requests import Frozen

T = TypeVar("T", bound=Frozen)


def seal(public_key_hex: str, secret: Frozen) -> bytes:
    """A credential, a code or tokens, readable by the holder of the private key alone.

    Raises InvalidInput for a malformed key.
    """
    try:
        key = PublicKey(bytes.fromhex(public_key_hex))
        return bytes(SealedBox(key).encrypt(secret.model_dump_json().encode()))
    except (ValueError, TypeError, CryptoError) as error:
        raise InvalidInput("the sandbox's public key is not 32 bytes in hex") from error


def open_sealed(private_key: PrivateKey, sealed: bytes) -> Credential:
    """A credential that was sealed. Raises as `open_as`."""
    return open_as(private_key, sealed, Credential)


def open_as(private_key: PrivateKey, sealed: bytes, kind: type[T]) -> T:
    """What was sealed. Raises InvalidInput where it was sealed to another key or altered."""
    try:
        return kind.model_validate_json(SealedBox(private_key).decrypt(sealed))
    except (ValueError, TypeError, CryptoError, ValidationError):
        # Without the cause: a validation error would quote the secret.
        raise InvalidInput("the credential was not sealed to this sandbox's key, or was altered") from None


def fingerprint(credential: Frozen, master: MasterKey) -> bytes:
    """What tells a credential (a code, a refresh token) from any other and reveals it to nobody: its SHA-256, wrapped
    by the master key, since a password could be guessed from a bare one."""
    return master.wrap(_digest(credential))


def is_fingerprint(kept: bytes, credential: Frozen, master: MasterKey) -> bool:
    """Whether a kept fingerprint is this credential's; False as well for one that cannot be unwrapped."""
    try:
        return hmac.compare_digest(master.unwrap(kept), _digest(credential))
    except InvalidInput:
        return False


def _digest(credential: Frozen) -> bytes:
    if not isinstance(credential, Credential):
        kind = type(credential).__name__.encode()
        return hashlib.sha256(b"coco " + kind + b" " + canonical(credential.model_dump(mode="json"))).digest()
    told = {"scheme": credential.scheme, "secret": credential.secret, "username": credential.username}
    return hashlib.sha256(b"coco credential " + canonical(told)).digest()
