"""Temporal's task tokens, sealed to their user on the way into a sandbox and opened on the way back.

A token that Temporal gave out is good for whoever shows it. Sealed, it is good on the socket of its own user only,
and every gateway replica can check it without having seen it before.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from coco.deployment import derived_key
from coco.errors import Code, Refused
from coco.keys import MasterKey

_MARK = b"coco1"
_TAG = hashlib.sha256().digest_size
MAX_TOKEN_BYTES = 16_384


class TaskTokens:
    """HMAC-SHA256 under a key derived from the master key; older master keys still open what they sealed."""

    def __init__(self, master: MasterKey) -> None:
        parts = [part.strip() for part in master.text.split(",")]
        self._keys = [derived_key(MasterKey(part), "gateway task tokens") for part in parts]

    def seal(self, user_id: UUID, token: bytes) -> bytes:
        return _MARK + self._tag(self._keys[0], user_id, token) + token

    def open(self, user_id: UUID, sealed: bytes) -> bytes:
        """The token as Temporal gave it out. Raises Refused (FORBIDDEN) for one that was not sealed to this user."""
        tag, token = sealed[len(_MARK) : len(_MARK) + _TAG], sealed[len(_MARK) + _TAG :]
        known = [hmac.compare_digest(self._tag(key, user_id, token), tag) for key in self._keys]
        if not sealed.startswith(_MARK) or not token or len(sealed) > MAX_TOKEN_BYTES or not any(known):
            raise Refused("the task token was not given to this user", code=Code.FORBIDDEN)
        return token

    @staticmethod
    def _tag(key: bytes, user_id: UUID, token: bytes) -> bytes:
        return hmac.new(key, _MARK + user_id.bytes + token, hashlib.sha256).digest()
