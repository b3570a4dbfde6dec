"""A stage per module: a fresh database and a gateway in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Postgres
from tests.gateway.harness import Provider, Stage, a_stage
from tests.temporal_server import TemporalServer


@pytest.fixture(scope="module")
async def stage(module_postgres: Postgres, short_dir: Path) -> AsyncIterator[Stage]:
    """A gateway without Temporal behind it."""
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=3) as made:
        yield made


@pytest.fixture(scope="module")
async def temporal_stage(module_postgres: Postgres, short_dir: Path, temporal: TemporalServer) -> AsyncIterator[Stage]:
    """A gateway in front of the Temporal dev server."""
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], temporal.address) as made:
        yield made


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider.serving() as made:
        yield made
