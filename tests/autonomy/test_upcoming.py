"""The next times that a page shows are those at which Temporal will start."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

import pytest
from temporalio.client import Client, Schedule, ScheduleActionStartWorkflow, ScheduleState

from coco.schedule_times import upcoming
from coco.schedules import parse
from tests.temporal_server import TemporalServer
from workers.schedules import _spec

FRIDAY = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
"""Two days before Europe's clocks go forward."""


@pytest.mark.parametrize(
    ("sentence", "after", "expected"),
    [
        (
            "every weekday at 8:00 Europe/Berlin",
            FRIDAY,
            ["2026-03-30T06:00", "2026-03-31T06:00", "2026-04-01T06:00"],
        ),
        ("every day at 2:30 Europe/Berlin", FRIDAY, ["2026-03-28T01:30", "2026-03-30T00:30", "2026-03-31T00:30"]),
        (
            "every day at 2:30 Europe/Berlin",
            datetime(2026, 10, 24, 12, 0, tzinfo=UTC),
            ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"],
        ),
        ("every 2 hours", FRIDAY, ["2026-03-27T14:00", "2026-03-27T16:00", "2026-03-27T18:00"]),
        (
            "on the 28th of every month at 9:00 UTC",
            datetime(2026, 3, 28, 9, 0, tzinfo=UTC),
            ["2026-04-28T09:00", "2026-05-28T09:00", "2026-06-28T09:00"],
        ),
    ],
)
def test_upcoming(sentence: str, after: datetime, expected: list[str]) -> None:
    told = [moment.strftime("%Y-%m-%dT%H:%M") for moment in upcoming(parse(sentence), after, 3)]
    assert told == expected


@pytest.mark.parametrize(
    "sentence",
    ["every day at 2:30 Europe/Berlin", "every 90 minutes", "on the 3rd of every month at 9:00 America/New_York"],
)
async def test_temporal_says_the_same(temporal: TemporalServer, sentence: str) -> None:
    client = await Client.connect(temporal.address)
    plan = parse(sentence)
    handle = await client.create_schedule(
        f"upcoming-{uuid4()}",
        Schedule(
            action=ScheduleActionStartWorkflow("never", id="never", task_queue="nobody"),
            spec=_spec(plan, 0),
            state=ScheduleState(paused=True),
        ),
    )
    try:
        told = (await handle.describe()).info.next_action_times
        assert len(told) >= 5
        assert all(one < two for one, two in pairwise(told))
        assert [min(told), *upcoming(plan, min(told), len(told) - 1)] == told
    finally:
        await handle.delete()
