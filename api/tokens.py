"""Access tokens (short-lived JWTs), refresh tokens (opaque, used once), and form tokens against cross-site requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jose import jwt
from jose.exceptions import JOSEError

from api.derived import derived_keys
from coco.errors import Code, Refused
from coco.keys import MasterKey

ALGORITHM = "HS256"
ISSUER = "coco-api"
PUBLIC = "coco-public"
"""Audience of the inbox and the REST API."""
OPERATOR = "coco-operator"
"""Audience of the operators' pages and the codec server: neither side accepts the other's tokens."""
_REFRESH_PREFIX = "coco_r_"


@dataclass(frozen=True)
class Identity:
    """Who calls, as the verified token says. The session's row decides whether it still holds."""

    user_id: UUID
    session_id: UUID
    expires: int
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Refresh:
    """A refresh token that was made here; whether it is the current one is the session row's to say."""

    user_id: UUID
    session_id: UUID
    sha256: str


class Tokens:
    """Makes and checks every token of one audience."""

    def __init__(self, master: MasterKey, *, audience: str, access_seconds: int) -> None:
        self._access = derived_keys(master, f"access token {audience}")
        self._refresh = derived_keys(master, f"refresh token {audience}")
        self._form = derived_keys(master, f"form token {audience}")
        self._audience = audience
        self.access_seconds = access_seconds

    def access(self, user_id: UUID, session_id: UUID, *, now: float | None = None) -> str:
        """A signed access token of this session."""
        moment = int(time.time() if now is None else now)
        claims = {
            "iss": ISSUER,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": moment,
            "exp": moment + self.access_seconds,
        }
        return jwt.encode(claims, self._access[0], algorithm=ALGORITHM)

    def verified(self, token: str) -> Identity:
        """Who an access token names. Raises Refused (UNAUTHENTICATED) alike for whatever is wrong with it."""
        for key in self._access:
            claims = _decoded(token, key, self._audience)
            if claims is not None:
                try:
                    return Identity(UUID(claims["sub"]), UUID(claims["sid"]), int(claims["exp"]))
                except (KeyError, ValueError, TypeError, AttributeError):
                    break
        raise not_signed_in()

    def refresh(self, user_id: UUID, session_id: UUID) -> tuple[str, str]:
        """(a fresh refresh token, its SHA-256)."""
        body = user_id.bytes + session_id.bytes + secrets.token_bytes(32)
        token = _REFRESH_PREFIX + _encoded(body + _mac(self._refresh[0], body))
        return token, sha256(token)

    def parse_refresh(self, token: str) -> Refresh:
        """Which session a refresh token belongs to. Raises Refused (UNAUTHENTICATED).

        The token carries a MAC, so that one of any age is known for what it is: an old one is a copy in use, while
        made-up text names no session and can end none.
        """
        try:
            if len(token) > 300 or not token.startswith(_REFRESH_PREFIX):
                raise ValueError("not a refresh token")
            raw = _decoded_bytes(token.removeprefix(_REFRESH_PREFIX))
            body, mac = raw[:64], raw[64:]
            if len(body) != 64 or not any(hmac.compare_digest(mac, _mac(key, body)) for key in self._refresh):
                raise ValueError("not made here")
        except ValueError as error:
            raise not_signed_in() from error
        return Refresh(UUID(bytes=body[:16]), UUID(bytes=body[16:32]), sha256(token))

    def form_token(self, bound_to: str) -> str:
        """The token a form carries; `bound_to` is the session's id, or a random cookie before sign-in."""
        return _encoded(_mac(self._form[0], bound_to.encode()))

    def is_form_token(self, token: str, bound_to: str) -> bool:
        return any(
            hmac.compare_digest(token.encode(), _encoded(_mac(key, bound_to.encode())).encode()) for key in self._form
        )


def not_signed_in() -> Refused:
    """One answer for a missing, malformed, forged, expired and revoked sign-in."""
    return Refused("Sign in to do this.", code=Code.UNAUTHENTICATED)


def sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _decoded(token: str, key: bytes, audience: str) -> dict[str, Any] | None:
    if len(token) > 2048:
        return None
    required = {f"require_{name}": True for name in ("aud", "iat", "exp", "iss", "sub")}
    try:
        # The algorithm is ours to name: `none` and every other in the token's header are refused.
        return jwt.decode(
            token, key, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER, options={**required, "leeway": 0}
        )
    except JOSEError:
        return None


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded_bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
