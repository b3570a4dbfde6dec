"""After a decision the run is woken at once where Temporal answers; where it does not, the outbox keeps the wake-up."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import Client

from api.public.parts import Parts
from api.public.waker import Waker
from coco.names import CONTROL_QUEUE, RUN_WORKFLOW, WAKE_SIGNAL, temporal_workflow_id
from tests.api.cards import Card, make_card
from tests.api.people import Person
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id)


def owed(postgres: Postgres) -> int:
    with postgres.connect() as owner:
        row = owner.execute("SELECT count(*) FROM wakeups WHERE kind = 'wake' AND delivered_at IS NULL").fetchone()
    assert row is not None
    return int(row[0])


async def signals(client: Client, workflow_id: str) -> list[tuple[str, int]]:
    """(name, number of arguments) of every signal in a workflow's history."""
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    told = [event.workflow_execution_signaled_event_attributes for event in history.events]
    return [(item.signal_name, len(item.input.payloads)) for item in told if item.signal_name]


def point_at(parts: Parts, address: str) -> None:
    parts.settings.temporal_address = address
    parts.waker = Waker(parts.settings, parts.database)


async def test_a_decision_wakes_its_run_at_once_with_a_signal_that_carries_nothing(
    ada: Person, card: Card, parts: Parts, postgres: Postgres, temporal: TemporalServer
) -> None:
    client = await Client.connect(temporal.address)
    workflow_id = temporal_workflow_id(ada.user_id, card.run_id)
    # Nobody polls: what counts here is what the server has written into the history.
    await client.start_workflow(RUN_WORKFLOW, id=workflow_id, task_queue=f"{CONTROL_QUEUE}-nobody")
    point_at(parts, temporal.address)
    await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
    await parts.waker.close()
    assert await signals(client, workflow_id) == [(WAKE_SIGNAL, 0)]
    assert owed(postgres) == 0
    assert await parts.waker.reachable()
    await client.get_workflow_handle(workflow_id).terminate()


async def test_a_run_that_is_not_there_yet_keeps_its_wake_up(
    ada: Person, card: Card, parts: Parts, postgres: Postgres, temporal: TemporalServer
) -> None:
    point_at(parts, temporal.address)
    await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
    await parts.waker.close()
    assert owed(postgres) == 1


async def test_without_temporal_the_decision_counts_and_the_wake_up_is_kept(
    ada: Person, card: Card, parts: Parts, postgres: Postgres
) -> None:
    point_at(parts, "127.0.0.1:1")
    async with asyncio.timeout(20):
        told = await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
        await parts.waker.close()
    assert told["state"] == "approved"
    assert owed(postgres) == 1
    assert not await parts.waker.reachable()
