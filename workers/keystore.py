"""The user's own key store: provider keys on the sandbox's volume, encrypted, readable only with keys from `Boot`.

The file holds an X25519 private key, to which the API seals new credentials, and the credentials by connection. Each
is a Fernet token under keys that live in the gateway's database, wrapped, and in this process's memory: a copy of the
volume opens nothing. A credential is decrypted at the call that needs it and not before.

Every change is one new file put in the place of the old one, so that whoever kills this process at whatever moment
finds the one or the other, whole.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from cryptography.fernet import InvalidToken, MultiFernet
from nacl.public import PrivateKey
from pydantic import ValidationError

from coco.errors import CocoError, Code, InvalidInput
from coco.gateway_protocol import Credential, SealedItem, Tokens
from coco.keys import UserKeys, fernet_of
from coco.requests import Frozen
from coco.sealing import open_as

T = TypeVar("T", bound=Frozen)

FILE_NAME = "keystore.json"
_PARTIAL = ".keystore-"
_FORMAT = 1


class KeyStoreDamaged(Exception):
    """The file cannot be read with the keys of this user; the message says what to do."""


class NoCredential(CocoError):
    """No usable credential is kept for a connection."""

    code = Code.CONNECTION_UNUSABLE


class KeyStore:
    """One process uses it at a time: the user's sandbox."""

    def __init__(self, path: Path, keys: UserKeys, private_key: PrivateKey, kept: dict[str, dict[str, str]]) -> None:
        self._path = path
        self._keys = keys
        self._fernet = _fernet(keys)
        self._private_key = private_key
        self._kept = kept

    @classmethod
    def open(cls, folder: Path, keys: UserKeys) -> KeyStore:
        """The key store in `folder`; a new one, with a new private key, where there is none. Raises KeyStoreDamaged."""
        path = folder / FILE_NAME
        fernet = _fernet(keys)
        for left_over in folder.glob(f"{_PARTIAL}*"):
            left_over.unlink(missing_ok=True)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            store = cls(path, keys, PrivateKey.generate(), {})
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
        store = cls(path, keys, private_key, kept)
        if len(keys.by_version) > 1:
            store._move_to_newest_key()
        return store

    @property
    def version(self) -> int:
        """The version of the key that everything is encrypted with."""
        return self._keys.current[0]

    def rekey(self, keys: UserKeys) -> None:
        """Encrypts everything with the newest of `keys`, the ones before among them. Raises KeyStoreDamaged."""
        if not set(self._keys.by_version.items()) & set(keys.by_version.items()):
            raise KeyStoreDamaged("the keys that came are not this key store's")
        before = self._keys
        self._keys, self._fernet = keys, _fernet(keys)
        try:
            self._move_to_newest_key()
        except BaseException:
            self._keys, self._fernet = before, _fernet(before)
            raise

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
            credential = self.opened(item.sealed, Tokens) or self.opened(item.sealed, Credential)
            if credential is None:
                unopened.append(item.connection_id)
                continue
            token = self._fernet.encrypt(credential.model_dump_json().encode()).decode()
            kept[name] = {"sealed": str(item.id), "value": token}
        if kept != self._kept:
            self._kept = kept
            self._write()
        return unopened

    def opened(self, sealed: str, kind: type[T]) -> T | None:
        """What was sealed to this sandbox, for its memory alone; None where it was not, or is of another kind."""
        try:
            return open_as(self._private_key, base64.b64decode(sealed, validate=True), kind)
        except (InvalidInput, ValueError):
            return None

    def credential_for(self, connection_id: UUID) -> Credential:
        """The plaintext, for one call. Raises NoCredential."""
        return self.tokens_for(connection_id).credential

    def tokens_for(self, connection_id: UUID) -> Tokens:
        """The credential and, for OAuth, what renews it. Raises NoCredential."""
        entry = self._kept.get(str(connection_id))
        if entry is None:
            raise NoCredential("This connection has no key in the sandbox. Connect the account again.")
        try:
            raw = self._fernet.decrypt(entry["value"].encode())
            if "credential" in json.loads(raw):
                return Tokens.model_validate_json(raw)
            return Tokens(credential=Credential.model_validate_json(raw))
        except (InvalidToken, ValidationError):
            raise NoCredential("This connection's key cannot be read any more. Connect the account again.") from None

    def _move_to_newest_key(self) -> None:
        moved = {}
        for name, entry in self._kept.items():
            moved[name] = dict(entry)
            # One that no key opens is not made worse by staying as it is.
            with contextlib.suppress(InvalidToken):
                moved[name]["value"] = self._fernet.rotate(entry["value"].encode()).decode()
        before, self._kept = self._kept, moved
        try:
            self._write()
        except BaseException:
            self._kept = before
            raise

    def _write(self) -> None:
        """In one step, on disk before it is relied on."""
        value = {
            "format": _FORMAT,
            "private_key": self._fernet.encrypt(bytes(self._private_key)).decode(),
            "credentials": self._kept,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=_PARTIAL, dir=self._path.parent)
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


def _fernet(keys: UserKeys) -> MultiFernet:
    return MultiFernet([fernet_of(key) for _, key in sorted(keys.by_version.items(), reverse=True)])


def _entry(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != {"sealed", "value"}:
        raise ValueError("not an entry")
    return {"sealed": str(value["sealed"]), "value": str(value["value"])}
