"""What a playbook is: parameters, and a pure planner over a reader that somebody else provides.

Whatever a reader returns was written by strangers. A planner treats it as data: a record's text may fill a template or
a field, and never decides who is written to, which record is changed or how many.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from activities.connectors.base import ConnectionInfo
from coco.errors import InvalidInput
from coco.model_routes import ModelChoice
from coco.plans import PlanDraft, Question
from coco.requests import ProviderResponse
from coco.voice import Voice


@dataclass(frozen=True)
class ReadResult:
    """One read that passed the gateway."""

    read_id: str
    """Id under which the gateway attests it."""
    response: ProviderResponse
    facts: Any
    """What the operation's `facts` (or, for a gated one, its `prior`) made of the response."""


class Reader(Protocol):
    """Performs reads. Every one passes the gateway and is attested."""

    async def read(self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]) -> ReadResult:
        """Performs a read operation. Raises CocoError where it is refused or its answer cannot be understood."""
        ...

    async def prior(
        self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]
    ) -> ReadResult | None:
        """Performs the read that precedes a gated operation; None where nothing precedes it."""
        ...


@dataclass(frozen=True)
class PlanContext:
    """All that a plan may depend on, besides what is read."""

    run_id: str
    params: Mapping[str, Any]
    goal: str
    connections: tuple[ConnectionInfo, ...]
    answers: Mapping[str, str]
    """Answers to earlier questions, by their key."""
    now: datetime
    """Time of the plan, with its zone."""
    models: tuple[ModelChoice, ...] = ()
    """Whom to have word its mails, in order, where the account has a route for that."""
    voice: Voice | None = None
    """How the owner writes, where they kept that."""

    def of(self, connector: str) -> tuple[ConnectionInfo, ...]:
        """The connections of one connector."""
        return tuple(entry for entry in self.connections if entry.connector == connector)


class Params(BaseModel):
    """Base of a playbook's parameters. Its JSON schema is the form that a user fills in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=Params)


class Playbook(ABC):
    """A proven way to reach a kind of goal."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    params: ClassVar[type[Params]]
    connectors: ClassVar[tuple[str, ...]]
    """Connectors it reads from or proposes actions with."""
    optional: ClassVar[tuple[str, ...]] = ()
    """Connectors that it uses where its owner chose one, and does without otherwise."""

    @abstractmethod
    async def plan(self, ctx: PlanContext, reader: Reader) -> PlanDraft:
        """The plan. Deterministic for the same context and the same answers of the reader.

        Raises InvalidInput for wrong parameters or a connection that is missing.
        """

    def schema(self) -> dict[str, Any]:
        """JSON schema of the parameters."""
        return self.params.model_json_schema()


def checked(params: type[P], given: Mapping[str, Any], playbook: str) -> P:
    """Validated parameters. Raises InvalidInput that names each wrong one."""
    try:
        return params.model_validate(dict(given))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'parameters'}: {item['msg']}" for item in error.errors()
        )
        raise InvalidInput(f"{playbook}: {problems}") from error


def chosen_connection(ctx: PlanContext, connector: str, called: str) -> ConnectionInfo | Question:
    """The one connection of that connector, the one that was answered, or the question which.

    Raises InvalidInput where there is none.
    """
    found = ctx.of(connector)
    if not found:
        raise InvalidInput(f"This needs {called}. Connect one, then start the run again.")
    if len(found) == 1:
        return found[0]
    key = f"connection-{connector}"
    named = {_option(entry): entry for entry in found}
    answered = named.get(ctx.answers.get(key, ""))
    if answered is not None:
        return answered
    return Question(key=key, text=f"Which of these shall be used as {called}?", options=tuple(named)[:20])


def _option(connection: ConnectionInfo) -> str:
    return f"{connection.title[:400]} ({str(connection.id)[:8]})"


@dataclass
class Notes:
    """What a planner did and left out, collected on the way and told in plain words at the end."""

    reads: dict[str, list[str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def read(self, topic: str, result: ReadResult) -> ReadResult:
        self.reads.setdefault(topic, []).append(result.read_id)
        return result

    def leave_out(self, what: str, why: str) -> None:
        self.left_out.append(f"{what}: {why}")

    def reasoning(self, *sentences: str) -> str:
        """The sentences, then what was left out and why; within the card's 20,000 characters."""
        text = "\n".join(sentence for sentence in sentences if sentence)
        if self.left_out:
            text += "\n\nLeft out, each with its reason:"
        for index, line in enumerate(self.left_out):
            entry = f"\n- {line[:300]}"
            if len(text) + len(entry) > 19_800:
                text += f"\n- and {len(self.left_out) - index} more"
                break
            text += entry
        return text[:20_000]
