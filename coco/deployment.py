"""The deployment's own keys: where each process finds the ones it needs, and only those.

`coco up` makes them on first start. In production they come from the environment or from mounted files:
`COCO_MASTER_KEY` (or `<state>/keys/master.key`), `COCO_GRANT_KEY_FILE` (control worker alone) and
`COCO_GRANT_PUBLIC_KEY_FILE` (gateway).
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from coco import grants
from coco.errors import InvalidInput
from coco.keys import MasterKey, write_private
from coco.settings import Settings


def _keys_dir(settings: Settings) -> Path:
    return settings.state_dir / "keys"


def make_missing(settings: Settings) -> None:
    """Makes the master key and the grant key pair where there are none. Existing ones are never replaced."""
    folder = _keys_dir(settings)
    if settings.master_key is None and not (folder / "master.key").exists():
        write_private(folder / "master.key", MasterKey.generate())
    if settings.grant_key_file is None:
        if not (folder / "grant.pem").exists():
            write_private(folder / "grant.pem", grants.new_signing_key())
        if not (folder / "grant.pub").exists():
            write_private(folder / "grant.pub", grants.public_key((folder / "grant.pem").read_text()))


def master_key(settings: Settings) -> MasterKey:
    """The key that wraps all others. Raises InvalidInput that says where one is expected."""
    if settings.master_key is not None:
        return MasterKey(settings.master_key.get_secret_value())
    return MasterKey(_read(_keys_dir(settings) / "master.key", "COCO_MASTER_KEY"))


def signing_key(settings: Settings) -> str:
    """The private grant key (PEM); for the control worker alone."""
    return _read(settings.grant_key_file or _keys_dir(settings) / "grant.pem", "COCO_GRANT_KEY_FILE")


def verifying_key(settings: Settings) -> str:
    """The public grant key (PEM); all that the gateway needs."""
    return _read(settings.grant_public_key_file or _keys_dir(settings) / "grant.pub", "COCO_GRANT_PUBLIC_KEY_FILE")


def derived_key(master: MasterKey, label: str) -> bytes:
    """32 bytes for one purpose (HKDF-SHA256 of the master key): sign-in tokens, task tokens, …"""
    newest = master.text.split(",")[0].strip().encode()
    return HKDF(hashes.SHA256(), 32, None, b"coco " + label.encode()).derive(newest)


def _read(path: Path, variable: str) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise InvalidInput(f"there is no key at {path}: set {variable}, or run `coco up` once to make one") from error
