"""Faults on demand: what a test asks the workspace to do wrong, and when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Fault(BaseModel):
    """One fault. It strikes the next `times` requests that match, then is gone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    do: Literal["delay", "drop", "status"]
    """delay: wait. drop: end the connection without an answer. status: answer with an error, apply nothing."""
    when: Literal["before", "after"] = "after"
    """For delay and drop: before the request is applied (a drop then applies nothing), or after."""
    seconds: Annotated[float, Field(ge=0, le=600)] = 1.0
    status: Annotated[int, Field(ge=400, le=599)] = 500
    """For HTTP the status; a message is refused with 451 for a 5xx here, with 554 for a 4xx."""
    method: Annotated[str, Field(max_length=10)] | None = None
    """GET, POST, PATCH, DELETE, or SEND for a message; None for every write."""
    path: Annotated[str, Field(max_length=500)] | None = None
    """Beginning of the path; None for any."""
    times: Annotated[int, Field(ge=1, le=1000)] = 1


class Faults:
    """The faults that wait, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        self._waiting.append((fault, fault.times))

    def clear(self) -> None:
        self._waiting.clear()

    def take(self, method: str, path: str, *, is_write: bool) -> list[Fault]:
        """The faults that strike this request; each is used up by one."""
        struck: list[Fault] = []
        left: list[tuple[Fault, int]] = []
        for fault, times in self._waiting:
            method_fits = method == fault.method if fault.method else is_write
            if method_fits and (fault.path is None or path.startswith(fault.path)):
                struck.append(fault)
                times -= 1
            if times:
                left.append((fault, times))
        self._waiting = left
        return struck
