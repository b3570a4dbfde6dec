"""The export of an account: everything that is kept of its user, nothing that opens something, nothing of others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel, col

from store import portable
from store.tables import AuditRow
from tests.api.cards import make_card
from tests.api.people import Person
from tests.conftest import Postgres

NOT_THE_APIS = frozenset({"plan_drafts"})
"""What only the sandbox's side may read; it is what became the card."""


@pytest.fixture
async def lines(postgres: Postgres, ada: Person, eve: Person) -> list[dict[str, Any]]:
    await make_card(postgres, ada.user_id, updates=2, mails=1, question=True, goal="Find the heliotrope")
    await make_card(postgres, eve.user_id, goal="Find the wolframite")
    with postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = 'team'")
    team = await ada.post("/teams", {"name": "Sales"}, status=201)
    await ada.post(f"/teams/{team['id']}/invitations", {"email": "x@example.com", "role": "member"}, status=201)
    budget = {"period": "day", "credits": 5}
    assert (await ada.call("PUT", f"/teams/{team['id']}/budgets", json=budget)).status_code == 204
    assert (await ada.call("PUT", "/reminders/settings", json={"first_hours": 9})).status_code == 200
    await eve.post("/teams", {"name": "wolframite"}, status=201)
    answer = await ada.call("POST", "/account/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_everything_of_the_user_and_of_nobody_else(
    postgres: Postgres, ada: Person, eve: Person, lines: list[dict[str, Any]]
) -> None:
    text = json.dumps(lines)
    assert lines[-1] == {"end": True}
    assert "heliotrope" in text
    assert "wolframite" not in text
    assert str(eve.user_id) not in text
    assert eve.email not in text
    told = {line["table"] for line in lines[:-1]}
    with postgres.connect() as owner:
        for table in portable.tables():
            column = portable.whose(table)
            assert column is not None, table.name
            query = f"SELECT count(*) FROM {table.name} WHERE {column.name} = %s"
            found = owner.execute(query, (ada.user_id,)).fetchone()
            if found and found[0] and table.name not in NOT_THE_APIS:
                assert table.name in told, table.name
    async with postgres.api.user(ada.user_id) as session:
        entry = (await session.execute(select(AuditRow).where(col(AuditRow.kind) == "account_exported"))).scalar_one()
    assert entry.actor == f"user:{ada.user_id}"


async def test_nothing_that_opens_something(lines: list[dict[str, Any]]) -> None:
    for line in lines[:-1]:
        assert line["table"] not in portable.SECRET_TABLES
        assert not {f"{line['table']}.{name}" for name in line["row"]} & portable.SECRET_COLUMNS
    assert "argon2" not in json.dumps(lines)


def test_what_is_left_out_exists_and_every_suspicious_column_is_decided() -> None:
    columns = {f"{table.name}.{column.name}" for table in SQLModel.metadata.sorted_tables for column in table.columns}
    assert columns >= portable.SECRET_COLUMNS
    assert {table.name for table in SQLModel.metadata.sorted_tables} >= portable.SECRET_TABLES
    words = ("password", "token", "secret", "sealed", "wrapped", "verifier", "fingerprint", "refresh")
    for table in portable.tables():
        for column in table.columns:
            if any(word in column.name for word in words):
                assert f"{table.name}.{column.name}" in portable.SECRET_COLUMNS, f"{table.name}.{column.name}"
