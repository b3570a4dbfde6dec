"""Roles belong to the whole server: several processes that make them at once all get through."""

from __future__ import annotations

import threading

from store.roles import ensure_group_roles, ensure_login_roles
from tests.conftest import Postgres


async def test_making_roles_at_once_ends_in_no_error(postgres: Postgres) -> None:
    problems: list[BaseException] = []
    together = threading.Barrier(4)

    def make() -> None:
        try:
            together.wait(30)
            for _ in range(6):
                with postgres.connect() as owner:
                    ensure_group_roles(owner)
                ensure_login_roles(postgres.owner, postgres.master.text)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
