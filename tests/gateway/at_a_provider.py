"""Fixtures of the tests that use accounts at a provider which is a process: import them, and name them in `__all__`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Postgres
from tests.gateway.harness import Person, Stage, a_stage
from tests.gateway.provider_process import ProviderProcess


@pytest.fixture(scope="module")
async def stage(module_postgres: Postgres, short_dir: Path) -> AsyncIterator[Stage]:
    """A gateway that waits two seconds for a provider."""
    async with a_stage(module_postgres, short_dir / uuid4().hex[:8], request_timeout_seconds=2) as made:
        yield made


@pytest.fixture(scope="module")
async def process() -> AsyncIterator[ProviderProcess]:
    async with ProviderProcess.running() as made:
        yield made


@pytest.fixture(scope="module")
async def person(stage: Stage) -> Person:
    """One user with many connections: a user's listener takes a second to stop."""
    return await stage.person()


@pytest.fixture
async def provider(process: ProviderProcess) -> ProviderProcess:
    await process.forget()
    return process
