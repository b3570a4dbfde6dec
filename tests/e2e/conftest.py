"""The whole stack, once per sandbox kind and session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.stack import Person, Stack, a_stack


@pytest.fixture(scope="session", params=["docker", "bubblewrap"])
def stack(request: pytest.FixtureRequest, cluster: Cluster, short_dir: Path) -> Iterator[Stack]:
    with a_stack(short_dir / request.param, cluster.create(), cluster.master, sandbox=request.param) as started:
        yield started


@pytest.fixture
def person(stack: Stack) -> Iterator[Person]:
    made = stack.sign_up()
    yield made
    made.http.close()
