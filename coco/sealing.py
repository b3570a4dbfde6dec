"""Sealing credentials to a user's sandbox: whoever seals can no longer open it (NaCl sealed box, X25519)."""

from __future__ import annotations

import hashlib
import hmac

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from pydantic import ValidationError

from coco.canonical import canonical
from coco.errors import InvalidInput
from coco.gateway_protocol import Credential
from coco.keys import MasterKey


def seal(public_key_hex: str, credential: Credential) -> bytes:
    """The credential, readable by the holder of the private key alone. Raises InvalidInput for a malformed key."""
    try:
        key = PublicKey(bytes.fromhex(public_key_hex))
        return bytes(SealedBox(key).encrypt(credential.model_dump_json().encode()))
    except (ValueError, TypeError, CryptoError) as error:
        raise InvalidInput("the sandbox's public key is not 32 bytes in hex") from error


def open_sealed(private_key: PrivateKey, sealed: bytes) -> Credential:
    """The credential. Raises InvalidInput where it was sealed to another key or altered."""
    try:
        return Credential.model_validate_json(SealedBox(private_key).decrypt(sealed))
    except (ValueError, TypeError, CryptoError, ValidationError):
        # Without the cause: a validation error would quote the secret.
        raise InvalidInput("the credential was not sealed to this sandbox's key, or was altered") from None


def fingerprint(credential: Credential, master: MasterKey) -> bytes:
    """What tells a credential from any other and reveals it to nobody: its SHA-256, wrapped by the master key, since
    a password could be guessed from a bare one."""
    return master.wrap(_digest(credential))


def is_fingerprint(kept: bytes, credential: Credential, master: MasterKey) -> bool:
    """Whether a kept fingerprint is this credential's; False as well for one that cannot be unwrapped."""
    try:
        return hmac.compare_digest(master.unwrap(kept), _digest(credential))
    except InvalidInput:
        return False


def _digest(credential: Credential) -> bytes:
    told = {"scheme": credential.scheme, "secret": credential.secret, "username": credential.username}
    return hashlib.sha256(b"coco credential " + canonical(told)).digest()
