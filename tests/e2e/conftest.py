"""The whole stack, once per sandbox kind, for all tests of this folder: each of them signs up as somebody new."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.stack import Person, Stack, a_stack


@pytest.fixture(scope="package")
def stacks(cluster: Cluster, short_dir: Path) -> Iterator[Callable[[str], Stack]]:
    """The stack of a kind, started when it is first asked for. It is there until the last test of the folder, so that
    no file starts the kinds over again one after the other."""
    started: dict[str, Stack] = {}
    with ExitStack() as exits:

        def of(kind: str) -> Stack:
            if kind not in started:
                starting = a_stack(short_dir / kind, cluster.create(), cluster.master, sandbox=kind)
                started[kind] = exits.enter_context(starting)
            return started[kind]

        yield of


@pytest.fixture(scope="module", params=["docker", "bubblewrap"])
def stack(request: pytest.FixtureRequest, stacks: Callable[[str], Stack]) -> Stack:
    return stacks(request.param)


@pytest.fixture
def person(stack: Stack) -> Iterator[Person]:
    made = stack.sign_up()
    yield made
    made.http.close()
