"""Password hashes (argon2id). Checking takes as long for an unknown account as for a known one."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from coco.errors import InvalidInput

MIN_LENGTH = 10
MAX_LENGTH = 200


class Passwords:
    """Hashes and checks. Two at a time per process, since each takes tens of megabytes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        self._slots = asyncio.Semaphore(2)

    async def hash(self, password: str) -> str:
        """The argon2id hash of a new password. Raises InvalidInput for one too short or too long."""
        if len(password) < MIN_LENGTH:
            raise InvalidInput(f"password: at least {MIN_LENGTH} characters")
        if len(password) > MAX_LENGTH:
            raise InvalidInput(f"password: at most {MAX_LENGTH} characters")
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one behind `stored`; None (no such account) costs the same and is never true."""
        if len(password) > MAX_LENGTH:
            password, stored = "", None
        async with self._slots:
            good = await asyncio.to_thread(self._verified, stored or self._nobody, password)
        return good and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """True for a hash made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
