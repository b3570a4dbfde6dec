"""What a planning that had to stop has read so far, so that the next try does not read it again.

In the sandbox's memory alone: a provider that asks for a pause in the middle of many pages would otherwise be asked for
the first ones again, and ask for a pause again.
"""

from __future__ import annotations

import time
from uuid import UUID

from coco.gateway_protocol import ReadReply
from coco.requests import PreparedRequest

KEPT_SECONDS = 1800.0
MAX_BYTES = 32_000_000
"""Of all runs together; what is beyond is read again."""

Key = tuple[UUID, str]


class Unfinished:
    """One per sandbox."""

    def __init__(self) -> None:
        self._runs: dict[UUID, dict[Key, ReadReply]] = {}
        self._since: dict[UUID, float] = {}
        self._bytes = 0

    def of(self, run_id: UUID) -> dict[Key, ReadReply]:
        """What was read for a run by a planning that stopped: by connection and the request's digest."""
        for old in [key for key, at in self._since.items() if time.monotonic() - at > KEPT_SECONDS]:
            self.forget(old)
        return self._runs.get(run_id, {})

    def keep(self, run_id: UUID, connection_id: UUID, request: PreparedRequest, reply: ReadReply) -> None:
        size = len(reply.response.body)
        if self._bytes + size <= MAX_BYTES:
            self._bytes += size
            self._since.setdefault(run_id, time.monotonic())
            self._runs.setdefault(run_id, {})[connection_id, request.digest()] = reply

    def forget(self, run_id: UUID) -> None:
        """The run has a plan, or failed for good."""
        self._since.pop(run_id, None)
        for reply in self._runs.pop(run_id, {}).values():
            self._bytes -= len(reply.response.body)
