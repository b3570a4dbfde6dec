"""Of one action there is one taking back at a time: held by the database, also where its run is past its time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from coco.actions import ActionState
from coco.retention import Kept
from store import runs, undos
from store.tables import ActionRow, UndoRow
from store.undos import NOTHING_CAME_OF_IT, UndoKind
from tests.conftest import Postgres
from tests.store.test_retention import KEEP_ALL
from tests.store.test_who_may_write_what import Person, action_for, person
from workers.retention import sweep


@pytest.fixture(scope="module")
async def ada(module_postgres: Postgres) -> Person:
    return await done(module_postgres, "ada@example.com")


async def done(postgres: Postgres, email: str) -> Person:
    """Somebody whose action took place, in a run that has ended."""
    who = await person(postgres, email)
    forge(postgres, "UPDATE actions SET state = 'done' WHERE id = %s", who.action)
    forge(postgres, "UPDATE runs SET state = 'done', finished_at = now() WHERE id = %s", who.run)
    return who


def forge(postgres: Postgres, statement: str, *values: object) -> None:
    with postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(statement, values)  # type: ignore[arg-type]


async def propose(postgres: Postgres, who: Person, kind: UndoKind = UndoKind.UNDO, wait: float = 0) -> ActionRow:
    """The rows alone, as an API that looks at nothing would write them; held open for `wait` seconds."""
    body = action_for(who.connection)
    async with postgres.api.user(who.id) as session:
        run = await runs.create_run(session, who.id, who.workflow)
        session.add(UndoRow(action_id=who.action, run_id=run.id, user_id=who.id, kind=kind.value))
        await session.flush()
        row = ActionRow(
            user_id=who.id,
            run_id=run.id,
            workflow_id=who.workflow,
            connection_id=who.connection,
            key=kind.key(who.action),
            origin=kind.value,
            operation="contacts.update",
            arguments={},
            body=body.as_json(),
            digest=body.digest(),
        )
        session.add(row)
        await session.flush()
        await asyncio.sleep(wait)
    return row


@pytest.mark.parametrize("state", list(ActionState))
@pytest.mark.parametrize("kind", list(UndoKind))
async def test_another_is_made_only_where_the_one_before_came_to_nothing(
    module_postgres: Postgres, state: ActionState, kind: UndoKind
) -> None:
    who = await done(module_postgres, f"{uuid4()}@example.com")
    first = await propose(module_postgres, who, kind)
    forge(module_postgres, "UPDATE actions SET state = %s WHERE id = %s", state.value, first.id)
    if state in NOTHING_CAME_OF_IT:
        assert (await propose(module_postgres, who, kind)).run_id != first.run_id
    else:
        with pytest.raises(IntegrityError, match="proposal already"):
            await propose(module_postgres, who, kind)


async def test_two_at_once_are_one(module_postgres: Postgres) -> None:
    who = await done(module_postgres, f"{uuid4()}@example.com")
    found = await asyncio.gather(*(propose(module_postgres, who, wait=0.3) for _ in range(3)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in found) == ["ActionRow", "IntegrityError", "IntegrityError"]


async def test_a_follow_up_and_an_undo_do_not_hinder_each_other(module_postgres: Postgres, ada: Person) -> None:
    await propose(module_postgres, ada)
    await propose(module_postgres, ada, UndoKind.FOLLOW_UP)


async def test_what_was_taken_back_stays_so_when_the_taking_back_is_past_its_time(postgres: Postgres) -> None:
    """The run of the action itself goes on being kept: an outcome of it is still to be settled."""
    who = await done(postgres, "ada@example.com")
    undo = await propose(postgres, who)
    forge(postgres, "UPDATE actions SET state = 'done' WHERE id = %s", undo.id)
    forge(
        postgres,
        "UPDATE runs SET state = 'done', finished_at = now() - %s WHERE id = %s",
        timedelta(days=99),
        undo.run_id,
    )
    assert await taken_back(postgres, who) == undo.run_id
    assert await sweep(postgres.control, KEEP_ALL | {Kept.RUNS: 30}) == 1
    assert await taken_back(postgres, who) == undo.run_id
    async with postgres.api.user(who.id) as session:
        row = await session.get_one(ActionRow, undo.id)
        assert row.key.startswith("erased:")
        assert (await undos.earlier(session, who.id, [row]))[row.id][1].id == who.action
    with pytest.raises(IntegrityError, match="proposal already"):
        await propose(postgres, who)
    assert await sweep(postgres.control, KEEP_ALL | {Kept.RUNS: 30}) == 0


async def taken_back(postgres: Postgres, who: Person) -> UUID | None:
    async with postgres.api.user(who.id) as session:
        found = (await undos.later(session, who.id, [who.action])).get(who.action)
    assert found is None or found.state is ActionState.DONE
    return found.run_id if found else None
