"""A grant verifies for its own action, user, workflow and run only."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jose import jwt

from coco.errors import Code, Refused
from coco.grants import (
    AUDIENCE,
    ISSUER,
    MAX_LIFETIME,
    GrantClaims,
    GrantedBy,
    check_covers,
    names_action,
    new_signing_key,
    public_key,
    sign,
    verify,
)

KEY = new_signing_key()
PUBLIC = public_key(KEY)
# Tomorrow: jose looks at the clock itself, and a long test run may be hours old when it comes here.
NOW = int(time.time()) + 86_400


@pytest.fixture(scope="module", autouse=True)
def clock() -> Iterator[None]:
    """It stays NOW: long after this module was read, in a long test run, its grants are as fresh as they say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coco.grants.time", SimpleNamespace(time=lambda: float(NOW)))
        yield


def claims(**changes: Any) -> GrantClaims:
    fields: dict[str, Any] = {
        "jti": UUID(int=1),
        "user": UUID(int=2),
        "workflow": UUID(int=3),
        "run": UUID(int=4),
        "action": UUID(int=5),
        "digest": "a" * 64,
        "prior": "b" * 64,
        "by": GrantedBy(kind="decision", id=UUID(int=6)),
        "credits": 3,
        "iat": NOW,
        "exp": NOW + 600,
    }
    return GrantClaims(**(fields | changes))


def covers(grant: GrantClaims, **changes: Any) -> None:
    own = {key: getattr(claims(), key) for key in ("user", "workflow", "run", "action", "digest", "prior")}
    check_covers(grant, **(own | changes))


def code_of(token: str, public: str = PUBLIC, **options: Any) -> Code:
    with pytest.raises(Refused) as refused:
        verify(token, public, **options)
    return refused.value.code


def test_a_grant_verifies_for_its_own() -> None:
    grant = verify(sign(claims(), KEY), PUBLIC)
    assert grant == claims()
    covers(grant)


@settings(max_examples=40)
@given(st.sampled_from(["user", "workflow", "run", "action"]), st.uuids())
def test_it_covers_no_other_user_workflow_run_or_action(field: str, other: UUID) -> None:
    grant = verify(sign(claims(), KEY), PUBLIC)
    if other == getattr(grant, field):
        return
    with pytest.raises(Refused) as refused:
        covers(grant, **{field: other})
    assert refused.value.code is Code.GRANT_MISMATCH


@settings(max_examples=40)
@given(st.sampled_from(["digest", "prior"]), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_it_covers_no_other_digest(field: str, other: str) -> None:
    with pytest.raises(Refused):
        covers(claims(), **{field: other if other not in {"a" * 64, "b" * 64} else "c" * 64})


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 63))
def test_a_changed_character_breaks_it(at: int, by: int) -> None:
    token = sign(claims(), KEY)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    position = at % (len(token) - 1)  # the last character of a segment may carry unused bits
    if token[position] == "." or token[position + 1] == ".":
        return
    other = alphabet[(alphabet.index(token[position]) + by) % 64]
    assert code_of(token[:position] + other + token[position + 1 :]) is Code.GRANT_INVALID


def test_an_expired_one_is_refused_and_says_so() -> None:
    assert code_of(sign(claims(iat=NOW - 700, exp=NOW - 100), KEY)) is Code.GRANT_EXPIRED
    token = sign(claims(), KEY)
    assert code_of(token, now=NOW + 600) is Code.GRANT_EXPIRED
    assert verify(token, PUBLIC, now=NOW + 599).jti == UUID(int=1)


def test_one_from_the_future_or_for_too_long_is_refused() -> None:
    assert code_of(sign(claims(iat=NOW + 3600, exp=NOW + 4000), KEY)) is Code.GRANT_INVALID
    assert code_of(sign(claims(exp=NOW + MAX_LIFETIME + 1), KEY)) is Code.GRANT_INVALID


def test_another_key_signs_nothing() -> None:
    assert code_of(sign(claims(), new_signing_key())) is Code.GRANT_INVALID


def payload(**changes: Any) -> dict[str, Any]:
    return claims().model_dump(mode="json") | {"iss": ISSUER, "aud": AUDIENCE, "sub": str(UUID(int=2))} | changes


def test_no_algorithm_or_a_symmetric_one_is_refused() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(payload()).encode()).rstrip(b"=").decode()
    assert code_of(f"{header}.{body}.") is Code.GRANT_INVALID
    # The classic confusion: the public key used as an HMAC secret, made by hand since libraries refuse to help.
    import hashlib
    import hmac

    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()).rstrip(b"=").decode()
    mac = hmac.new(PUBLIC.encode(), f"{header}.{body}".encode(), hashlib.sha256).digest()
    forged = f"{header}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert code_of(forged) is Code.GRANT_INVALID


def test_another_asymmetric_algorithm_is_refused() -> None:
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert code_of(jwt.encode(payload(), pem.decode(), algorithm="RS256")) is Code.GRANT_INVALID
    p384 = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert code_of(jwt.encode(payload(), p384.decode(), algorithm="ES384")) is Code.GRANT_INVALID


@pytest.mark.parametrize(
    "changes",
    [{"iss": "someone"}, {"aud": "someone"}, {"sub": str(uuid4())}, {"digest": "A" * 64}, {"digest": "a" * 63},
     {"credits": -1}, {"by": {"kind": "signal", "id": str(uuid4())}}, {"extra": 1}, {"action": "x"}],
)  # fmt: skip
def test_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    assert code_of(jwt.encode(payload(**changes), KEY, algorithm="ES256")) is Code.GRANT_INVALID


@pytest.mark.parametrize("missing", ["jti", "user", "workflow", "run", "action", "digest", "prior", "by", "exp", "iat", "sub", "aud", "iss", "credits"])  # fmt: skip  # noqa: E501
def test_a_missing_claim_is_refused(missing: str) -> None:
    body = payload()
    del body[missing]
    assert code_of(jwt.encode(body, KEY, algorithm="ES256")) is Code.GRANT_INVALID


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 5000, "🙂", "..", "null"])
def test_rubbish_is_refused(token: str) -> None:
    assert code_of(token) is Code.GRANT_INVALID
    assert not names_action(token, UUID(int=5))


def test_the_authors_guard_knows_its_action() -> None:
    token = sign(claims(), KEY)
    assert names_action(token, UUID(int=5))
    assert not names_action(token, UUID(int=6))
