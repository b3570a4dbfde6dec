"""Keys derived from the master key, one per purpose: knowing one tells nothing about another."""

from __future__ import annotations

from coco.deployment import derived_key
from coco.keys import MasterKey


def derived_keys(master: MasterKey, label: str) -> tuple[bytes, ...]:
    """32 bytes per master key, newest first: sign with the first, accept by any, so that the master key can rotate."""
    return tuple(derived_key(MasterKey(part), label) for part in master.text.split(","))
