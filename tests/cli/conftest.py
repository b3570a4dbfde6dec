"""Which tests need a way to make sandboxes."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from sandbox.container import SandboxUnavailable, detect


@pytest.fixture(scope="session")
def sandboxes() -> str:
    """The kind of sandbox that `coco up` finds here; without one, it cannot start."""

    async def look() -> str:
        with tempfile.TemporaryDirectory() as folder:
            return str(getattr(await detect(deployment="probe", state_dir=Path(folder)), "kind"))  # noqa: B009

    try:
        return asyncio.run(look())
    except SandboxUnavailable as error:
        if os.environ.get("COCO_REQUIRE_SANDBOXES"):
            pytest.fail(str(error))
        pytest.skip(str(error))
