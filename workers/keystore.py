"""The user's own key store: provider keys on the sandbox's volume, encrypted, readable only with keys from `Boot`.

The file holds an X25519 private key, to which the API seals new credentials, and the credentials by connection. Each
is a Fernet token under keys that live in the gateway's database, wrapped, and in this process's memory: a copy of the
volume opens nothing. A credential is decrypted at the call that needs it and not before.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet
from nacl.public import PrivateKey
from pydantic import ValidationError

from coco.errors import CocoError, Code, InvalidInput
from coco.gateway_protocol import Credential, SealedItem
from coco.keys import UserKeys, fernet_of
from coco.sealing import open_sealed

FILE_NAME = "keystore.json"
_FORMAT = 1


class KeyStoreDamaged(Exception):
    """The file cannot be read with the keys of this user; the message says what to do."""


class NoCredential(CocoError):
    """No usable credential is kept for a connection."""

    code = Code.CONNECTION_UNUSABLE


class KeyStore:
    """One process uses it at a time: the user's sandbox."""

    def __init__(
        self, path: Path, fernet: MultiFernet, private_key: PrivateKey, kept: dict[str, dict[str, str]]
    ) -> None:
        self._path = path
        self._fernet = fernet
        self._private_key = private_key
        self._kept = kept

    @classmethod
    def open(cls, folder: Path, keys: UserKeys) -> KeyStore:
        """The key store in `folder`; a new one, with a new private key, where there is none. Raises KeyStoreDamaged."""
        path = folder / FILE_NAME
        newest_first = sorted(keys.by_version.items(), reverse=True)
        fernet = MultiFernet([fernet_of(key) for _, key in newest_first])
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            store = cls(path, fernet, PrivateKey.generate(), {})
            store._write()
            return store
        try:
            value = json.loads(raw)
            if value["format"] != _FORMAT:
                raise KeyStoreDamaged(f"{path} has format {value['format']}, which this version does not know")
            private_key = PrivateKey(fernet.decrypt(value["private_key"].encode()))
            kept = {str(UUID(name)): _entry(entry) for name, entry in value["credentials"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, InvalidToken) as error:
            raise KeyStoreDamaged(
                f"{path} cannot be opened with this user's keys: put back a copy of the volume, or remove the file and "
                "connect every account again"
            ) from error
        store = cls(path, fernet, private_key, kept)
        if len(newest_first) > 1:
            store._move_to_newest_key()
        return store

    @property
    def public_key(self) -> str:
        """What credentials are sealed to, in hex."""
        return bytes(self._private_key.public_key).hex()

    def take_in(self, items: Sequence[SealedItem]) -> list[UUID]:
        """Opens sealed credentials (newest last) and keeps the newest of each connection; drops those of connections
        that have none any more. The connections whose credential could not be opened: they keep what they had."""
        newest = {str(item.connection_id): item for item in items}
        kept = {name: entry for name, entry in self._kept.items() if name in newest}
        unopened: list[UUID] = []
        for name, item in newest.items():
            if name in kept and kept[name]["sealed"] == str(item.id):
                continue
            try:
                credential = open_sealed(self._private_key, base64.b64decode(item.sealed, validate=True))
            except (InvalidInput, ValueError):
                unopened.append(item.connection_id)
                continue
            token = self._fernet.encrypt(credential.model_dump_json().encode()).decode()
            kept[name] = {"sealed": str(item.id), "value": token}
        if kept != self._kept:
            self._kept = kept
            self._write()
        return unopened

    def credential_for(self, connection_id: UUID) -> Credential:
        """The plaintext, for one call. Raises NoCredential."""
        entry = self._kept.get(str(connection_id))
        if entry is None:
            raise NoCredential("This connection has no key in the sandbox. Connect the account again.")
        try:
            return Credential.model_validate_json(self._fernet.decrypt(entry["value"].encode()))
        except (InvalidToken, ValidationError):
            raise NoCredential("This connection's key cannot be read any more. Connect the account again.") from None

    def _move_to_newest_key(self) -> None:
        for entry in self._kept.values():
            with contextlib.suppress(InvalidToken):
                entry["value"] = self._fernet.rotate(entry["value"].encode()).decode()
        self._write()

    def _write(self) -> None:
        """In one step, on disk before it is relied on."""
        value = {
            "format": _FORMAT,
            "private_key": self._fernet.encrypt(bytes(self._private_key)).decode(),
            "credentials": self._kept,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".keystore-", dir=self._path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                json.dump(value, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def __repr__(self) -> str:
        return f"KeyStore({len(self._kept)} credentials)"


def _entry(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != {"sealed", "value"}:
        raise ValueError("not an entry")
    return {"sealed": str(value["sealed"]), "value": str(value["value"])}
