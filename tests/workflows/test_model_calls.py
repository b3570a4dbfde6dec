"""Model calls of a run: on its page, in the audit entries of its actions, gone with a revocation, nobody else's."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from activities.connectors.base import ConnectionInfo
from activities.connectors.model_api import COMPLETE
from activities.connectors.registry import connector
from activities.names import PlanInput
from coco.errors import NotFound
from coco.model_calls import MAX_KEPT_TEXT
from coco.plans import PlanDraft, Proposal
from coco.requests import ProviderResponse
from store import connections, model_calls, revoking, views
from store.tables import Connection
from tests.autonomy.mails import give, mailbox
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.connectors.examples import answer, openai
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

WRITTEN = "Hello Ada,\n\nshall we pick up where we left off in spring?"
PROMPT = "Write a mail about the deal Acme pilot."


async def model(world: World, *, give_it: bool = True) -> UUID:
    """Connects a model and gives it to the workflow."""
    async with world.postgres.api.user(world.user_id) as session:
        row = Connection(
            user_id=world.user_id,
            connector="openai",
            title="Models",
            base_url="http://127.0.0.1:1/v1",
            scopes=every_scope("openai"),
        )
        session.add(row)
        await session.flush()
        if give_it:
            await give(world, row.id)
        return row.id


async def asked(world: World, run_id: UUID, prompt: str, response: ProviderResponse) -> UUID:
    """A completion as the gateway keeps it."""
    [row] = [one for one in await _connections(world) if one.connector == "openai"]
    info = ConnectionInfo(id=row.id, connector="openai", title=row.title)
    operation = connector("openai").read(COMPLETE)
    arguments = operation.parse({"model": "gpt-4o-mini", "messages": [{"role": "user", "text": prompt}]})
    return await world.keep_read(run_id, operation.request(info, arguments), response, connection_id=row.id)


async def _connections(world: World) -> list[Connection]:
    async with world.postgres.api.user(world.user_id) as session:
        return await connections.listed(session, world.user_id)


async def writes_with_a_model(world: World, message: PlanInput) -> PlanDraft:
    """One mail by a model, after an answer that was cut short and one about something else."""
    [box] = [one for one in await _connections(world) if one.connector == "smtp"]
    await asked(world, message.run_id, PROMPT, answer(openai.said("Hello A", finish="length")))
    await asked(world, message.run_id, PROMPT, answer(openai.said(json.dumps({"subject": "Hello", "body": WRITTEN}))))
    await asked(world, message.run_id, "About Bo.", answer(openai.said("A text that no action of this run has.")))
    arguments: dict[str, Any] = {"to": ["ada@example.com"], "subject": "Hello", "body": f"{WRITTEN}\n", "key": "m:1"}
    mail = Proposal(key="mail", connection=str(box.id), operation="email.send", arguments=arguments, why="Silent.")
    return PlanDraft(goal="Follow up", proposals=(mail,))


async def test_the_run_and_the_audit_entry_tell_every_call(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, plan=writes_with_a_model) as world:
        await mailbox(world)
        connection_id = await model(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        async with postgres.api.user(world.user_id) as session:
            card = await views.card(session, world.user_id, run_id)
        assert [call.outcome for call in card.model_calls] == ["cut short", "ended", "ended"]
        used = card.model_calls[1]
        assert (used.provider, used.model) == ("openai", "gpt-4o-mini-2024-07-18")
        assert (used.input_tokens, used.output_tokens) == (21, 4)
        assert used.connection == str(connection_id)
        assert used.sent == f"user: {PROMPT}"
        assert json.loads(used.returned)["body"] == WRITTEN

        [action] = await world.actions(run_id)
        await world.decide(action)
        await world.until(run_id, "done")
        [entry] = await world.audit("action_done")
        told = entry.body["model_calls"]
        assert [call["used"] for call in told] == [False, True, False]
        assert told[1] == {**used.model_dump(mode="json"), "used": True}
        # What another call said is about something else: its digests are here, its words are not.
        assert all(call["response_digest"] and not call["returned"] and not call["sent"] for call in (told[0], told[2]))


async def test_revoking_the_model_removes_what_was_said(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, plan=writes_with_a_model) as world:
        await mailbox(world)
        connection_id = await model(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        async with postgres.api.user(world.user_id) as session:
            await session.merge(Connection(**(await _row(world, connection_id)).model_dump() | {"state": "revoked"}))
        async with postgres.api.user(world.user_id) as session:
            await revoking.purge(session, world.user_id, connection_id)
        async with postgres.api.user(world.user_id) as session:
            assert await model_calls.of_run(session, world.user_id, run_id) == []


async def _row(world: World, connection_id: UUID) -> Connection:
    [row] = [one for one in await _connections(world) if one.id == connection_id]
    return row


async def test_calls_are_nobody_elses(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, plan=writes_with_a_model) as world:
        await mailbox(world)
        await model(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        stranger = uuid4()
        async with postgres.api.user(stranger) as session:
            assert await model_calls.of_run(session, world.user_id, run_id) == []
            assert await model_calls.of_run(session, stranger, run_id) == []
            with pytest.raises(NotFound):
                await views.card(session, stranger, run_id)
        async with postgres.api.user(world.user_id) as session:
            assert len(await model_calls.of_run(session, world.user_id, run_id)) == 3


async def test_what_is_kept_of_a_call_is_bounded(postgres: Postgres, temporal: TemporalServer) -> None:
    async def long_winded(world: World, message: PlanInput) -> PlanDraft:
        await asked(world, message.run_id, "x" * 40_000, answer(openai.said("y" * 40_000)))
        return PlanDraft(goal="Nothing")

    async with a_world(postgres, temporal, plan=long_winded) as world:
        await model(world)
        run_id = await world.start()
        await world.until(run_id, "done")
        async with postgres.api.user(world.user_id) as session:
            [call] = await model_calls.of_run(session, world.user_id, run_id)
        assert len(call.sent) == len(call.returned) == MAX_KEPT_TEXT
