"""Checkpoints: signed statements about an audit chain, so that nobody rewrites it, or cuts it off, unnoticed.

A checkpoint says: at that time, the chain of that user had that many entries, and the newest had that hash. The hash
covers every entry before it, so a signature covers them all. Signed with Ed25519; the control worker alone has the
key. `docs/audit.md` describes the format for whoever writes a verifier of their own.
"""

from __future__ import annotations

import base64
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import Field

from coco.audit import moment
from coco.canonical import canonical, sha256_hex
from coco.errors import InvalidInput
from coco.requests import Frozen

FORMAT = "coco.audit.checkpoint.v1"
_PURPOSE = b"coco audit checkpoints v1"


class CheckpointReason(StrEnum):
    """Why a checkpoint was made. Persisted; never renamed."""

    SCHEDULE = "schedule"
    EXPORT = "export"
    """It closes an export: a file that ends without one was cut off."""


class Checkpoint(Frozen):
    """What is signed."""

    format: str = FORMAT
    deployment: str
    """`COCO_DEPLOYMENT` of the installation that signs."""
    user_id: UUID
    number: Annotated[int, Field(ge=1)]
    """1, 2, 3, … without gaps, per user."""
    seq: Annotated[int, Field(ge=1)]
    """The newest entry that it covers."""
    hash: str
    """The hash of that entry."""
    at: datetime
    reason: CheckpointReason
    key_id: str

    def as_bytes(self) -> bytes:
        """Canonical JSON: exactly what the signature is over."""
        fields: dict[str, Any] = self.model_dump(mode="json")
        fields["at"] = moment(self.at)
        return canonical(fields)


class SigningKey:
    """The Ed25519 key of this deployment's checkpoints."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key()
        self.id = key_id(self.public)

    @classmethod
    def derived(cls, grant_key_pem: str) -> SigningKey:
        """The key that goes with a grant signing key (HKDF-SHA256 of its secret number): whoever holds that one has
        this one too, and nothing else needs to be kept or mounted. Raises InvalidInput for another kind of key."""
        private = serialization.load_pem_private_key(grant_key_pem.encode(), None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise InvalidInput("the grant signing key is not an EC P-256 key")
        secret = private.private_numbers().private_value.to_bytes(32, "big")
        seed = HKDF(hashes.SHA256(), 32, None, _PURPOSE).derive(secret)
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def sign(self, checkpoint: Checkpoint) -> str:
        """The signature in base64."""
        return base64.b64encode(self._private.sign(checkpoint.as_bytes())).decode()

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"


def key_id(public: Ed25519PublicKey) -> str:
    """SHA-256 over the 32 raw bytes of a public key, in hex: its fingerprint."""
    return sha256_hex(public.public_bytes_raw())


def public_text(public: Ed25519PublicKey) -> str:
    """A public key as PEM (SubjectPublicKeyInfo)."""
    encoded = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode()


def signed_by(checkpoint: Checkpoint, signature: str, public_pem: str) -> bool:
    """Whether the signature over the checkpoint holds under that key, and the key is the one that it names."""
    try:
        public = serialization.load_pem_public_key(public_pem.encode())
        if not isinstance(public, Ed25519PublicKey) or key_id(public) != checkpoint.key_id:
            return False
        public.verify(base64.b64decode(signature, validate=True), checkpoint.as_bytes())
    except (InvalidSignature, ValueError):
        return False
    return True
