"""Webhooks' secrets: derived from the master key, so that they are kept nowhere."""

from __future__ import annotations

import base64

from api.derived import derived_keys
from api.public.parts import Parts
from store.tables import Hook


def secrets_of(parts: Parts, hook: Hook) -> list[str]:
    """The webhook's secret, under the newest master key first; another one for each generation."""
    keys = derived_keys(parts.master, f"webhook {hook.id} {hook.generation}")
    return [base64.urlsafe_b64encode(key).decode().rstrip("=") for key in keys]
