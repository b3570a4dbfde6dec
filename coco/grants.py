"""Grants: the signed, single-use approval tokens.

A grant is an ES256 JWT. The control side alone holds the private key; the gateway holds the public one. It names
user, workflow, run, action, the action's digest, the digest of the prior value shown, who granted it and a credit cap.
"""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal
from uuid import UUID

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwt
from jose.exceptions import ExpiredSignatureError, JOSEError
from pydantic import Field, ValidationError

from coco.errors import Code, Refused
from coco.requests import Frozen

ALGORITHM = "ES256"
ISSUER = "coco-control"
AUDIENCE = "coco-gateway"
DEFAULT_LIFETIME = 15 * 60
"""Seconds a grant lives: time to execute an approval, not time to think about one."""
MAX_LIFETIME = 24 * 3600
LEEWAY = 5
"""Seconds of clock difference allowed between control side and gateway."""

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class GrantedBy(Frozen):
    """Who opened the gate: a person's decision, or a guardrail version."""

    kind: Literal["decision", "guardrail"]
    id: UUID
    version: int | None = None
    people: tuple[UUID, ...] = ()
    """Everybody whose approval a decision rests on, where a rule asks for people or one of a team decided."""


class GrantClaims(Frozen):
    """The claims of a grant, verified."""

    jti: UUID
    user: UUID
    workflow: UUID
    run: UUID
    action: UUID
    digest: Digest
    prior: Digest
    by: GrantedBy
    credits: Annotated[int, Field(ge=0)]
    iat: int
    exp: int


def new_signing_key() -> str:
    """A fresh P-256 private key, PEM (PKCS 8)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_key(private_pem: str) -> str:
    """The public half of a signing key, PEM."""
    key = serialization.load_pem_private_key(private_pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Refused("the grant signing key is not an EC P-256 key", code=Code.GRANT_INVALID)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def sign(claims: GrantClaims, private_pem: str) -> str:
    """The grant as a compact JWT."""
    payload = claims.model_dump(mode="json") | {"iss": ISSUER, "aud": AUDIENCE, "sub": str(claims.user)}
    return jwt.encode(payload, private_pem, algorithm=ALGORITHM)


def verify(token: str, public_pem: str, *, now: float | None = None) -> GrantClaims:
    """The claims of a grant whose signature, issuer, audience and times hold.

    Raises Refused with GRANT_INVALID or GRANT_EXPIRED. Whether it is unspent is the store's to say.
    """
    if len(token) > 4096:
        raise Refused("the grant is not one that Coco signed", code=Code.GRANT_INVALID)
    try:
        payload: dict[str, Any] = jwt.decode(
            token,
            public_pem,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"verify_exp": False} | {f"require_{name}": True for name in ("exp", "iat", "sub", "aud", "iss")},
        )
    except ExpiredSignatureError as error:
        raise Refused("the grant has expired", code=Code.GRANT_EXPIRED) from error
    except JOSEError as error:
        raise Refused("the grant is not one that Coco signed", code=Code.GRANT_INVALID) from error
    for extra in ("iss", "aud"):
        payload.pop(extra, None)
    subject = payload.pop("sub", None)
    try:
        claims = GrantClaims.model_validate(payload)
    except ValidationError as error:
        raise Refused("the grant's claims are malformed", code=Code.GRANT_INVALID) from error
    moment = time.time() if now is None else now
    if subject != str(claims.user) or claims.exp - claims.iat > MAX_LIFETIME or claims.iat > moment + LEEWAY:
        raise Refused("the grant's claims are malformed", code=Code.GRANT_INVALID)
    if moment >= claims.exp:
        raise Refused("the grant has expired", code=Code.GRANT_EXPIRED)
    return claims


def check_covers(
    claims: GrantClaims, *, user: UUID, workflow: UUID, run: UUID, action: UUID, digest: str, prior: str
) -> None:
    """Raises Refused (GRANT_MISMATCH) unless the grant is for exactly this user, workflow, run, action and digests."""
    expected = (user, workflow, run, action, digest, prior)
    if (claims.user, claims.workflow, claims.run, claims.action, claims.digest, claims.prior) != expected:
        raise Refused("the grant is for another request", code=Code.GRANT_MISMATCH)


def names_action(token: str, action: UUID) -> bool:
    """Whether a token claims to be for `action`. No check of its signature: an author's guard, not the gate."""
    try:
        return bool(jwt.get_unverified_claims(token).get("action") == str(action))
    except JOSEError:
        return False
