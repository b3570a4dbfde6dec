"""The bearer token's file: what a sandbox shows the gateway; its SHA-256 is in Postgres."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sandbox.gateway.folders import TOKEN_NAME, give_to_sandbox


def write_token(gateway_dir: Path, token: str) -> None:
    """Puts a new token in the place of the old one, in one step; readable by uid 10001 alone.

    Raises OSError where the folder is not there: ask the gateway to listen first.
    """
    descriptor, name = tempfile.mkstemp(prefix=".token-", dir=gateway_dir)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
            file.flush()
            os.fsync(file.fileno())
        give_to_sandbox(Path(name), 0o400)
        os.replace(name, gateway_dir / TOKEN_NAME)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
