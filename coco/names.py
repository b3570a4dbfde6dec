"""Names that are persisted in Temporal or on disk, in one place: changing one breaks running workflows."""

from __future__ import annotations

import re
from uuid import UUID

CONTROL_QUEUE = "coco-control"
RUN_WORKFLOW = "coco.run"
WAKE_SIGNAL = "wake"
STATE_QUERY = "state"

SEARCH_USER = "CocoUser"
SEARCH_WORKFLOW = "CocoWorkflow"
SEARCH_STATE = "CocoState"

_RUN_ID = re.compile(r"^run:([0-9a-f-]{36}):([0-9a-f-]{36})$")


def sandbox_queue(user_id: UUID | str) -> str:
    """The task queue of one user's sandbox."""
    return f"sandbox:{UUID(str(user_id))}"


def temporal_workflow_id(user_id: UUID | str, run_id: UUID | str) -> str:
    """The Temporal workflow id of a run. Carries the user, since the payload codec picks the key by it."""
    return f"run:{UUID(str(user_id))}:{UUID(str(run_id))}"


def run_prefix(user_id: UUID | str) -> str:
    """How the workflow ids of a user's runs begin."""
    return f"run:{UUID(str(user_id))}:"


def parse_workflow_id(workflow_id: str) -> tuple[UUID, UUID] | None:
    """(user id, run id) of a Temporal workflow id made here, or None for any other."""
    match = _RUN_ID.match(workflow_id)
    if match is None:
        return None
    try:
        return UUID(match[1]), UUID(match[2])
    except ValueError:
        return None


SCHEDULED_WORKFLOW = "coco.scheduled"

_SCHEDULED_ID = re.compile(r"^schedule:([0-9a-f-]{36}):([0-9a-f-]{36})-")


def temporal_schedule_id(user_id: UUID | str, schedule_id: UUID | str) -> str:
    """The id of a schedule in Temporal, and the start of the ids of the workflows that it starts."""
    return f"schedule:{UUID(str(user_id))}:{UUID(str(schedule_id))}"


def schedule_prefix(user_id: UUID | str) -> str:
    """How the ids of a user's schedules begin, and of the workflows that they start."""
    return f"schedule:{UUID(str(user_id))}:"


def parse_scheduled_id(workflow_id: str) -> tuple[UUID, UUID] | None:
    """(user id, schedule id) of a workflow that a schedule started (Temporal adds the time), or None."""
    match = _SCHEDULED_ID.match(workflow_id)
    if match is None:
        return None
    try:
        return UUID(match[1]), UUID(match[2])
    except ValueError:
        return None
