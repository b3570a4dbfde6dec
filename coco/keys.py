"""Key wrapping: the deployment's master key wraps each user's own keys, so that a database copy opens nothing."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from coco.errors import InvalidInput


class MasterKey:
    """Wraps and unwraps user keys. Give more than one key, newest first, to rotate."""

    def __init__(self, text: str) -> None:
        """`text` is one or more Fernet keys (44 characters each), comma-separated. Raises InvalidInput."""
        try:
            self._fernet = MultiFernet([Fernet(part.strip()) for part in text.split(",")])
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                "COCO_MASTER_KEY must be 32 random bytes in URL-safe base64; make one with `coco keys new`"
            ) from error
        self.text = text

    @staticmethod
    def generate() -> str:
        return Fernet.generate_key().decode()

    def wrap(self, key: bytes) -> bytes:
        return self._fernet.encrypt(key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises InvalidInput when the master key is not the one it was wrapped with."""
        try:
            return self._fernet.decrypt(wrapped)
        except InvalidToken as error:
            raise InvalidInput("a user's key was wrapped with another master key") from error

    def __repr__(self) -> str:
        return "MasterKey(***)"


@dataclass(frozen=True)
class UserKeys:
    """A user's unwrapped keys of one purpose, by version; the highest is the current one."""

    by_version: dict[int, bytes]

    @property
    def current(self) -> tuple[int, bytes]:
        version = max(self.by_version)
        return version, self.by_version[version]

    def __repr__(self) -> str:
        return f"UserKeys(versions={sorted(self.by_version)})"


def new_user_key() -> bytes:
    """32 random bytes."""
    return os.urandom(32)


def fernet_of(key: bytes) -> Fernet:
    """A Fernet over 32 raw bytes."""
    return Fernet(base64.urlsafe_b64encode(key))


def write_private(path: Path, text: str) -> None:
    """Writes a secret file that is never readable by others, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
