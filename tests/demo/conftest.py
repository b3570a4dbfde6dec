from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo_fixture import Demo, start_demo


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with start_demo(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A workspace that tests only read."""
    with start_demo(tmp_path_factory.mktemp("shown")) as running:
        yield running
