"""Plans: what the sandbox proposes, and the card a person reads.

A draft is the sandbox's word and nothing more: it names operations and arguments. The control side rebuilds every
action from them with the connector's pure functions, so a card never shows what the sandbox merely claims.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from coco.requests import Frozen

MAX_PROPOSALS = 200
MAX_DRAFT_BYTES = 1_000_000

Short = Annotated[str, Field(max_length=500)]
Long = Annotated[str, Field(max_length=20_000)]
Key = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._:-]+$")]


class Proposal(Frozen):
    """One action as the sandbox proposes it: operation and arguments, never a request."""

    key: Key
    """Unique within the run; the same proposal keeps its key when the plan is made again."""
    connection: Annotated[str, Field(max_length=64)]
    operation: Annotated[str, Field(max_length=80)]
    arguments: dict[str, Any]
    prior_read: Annotated[str, Field(max_length=64)] | None = None
    """Id of the gateway's attested read that shows the record's current value."""
    why: Long = ""


class ReadNote(Frozen):
    """What was read, in a person's words, with the attested reads behind it."""

    text: Short
    reads: Annotated[tuple[str, ...], Field(max_length=500)] = ()


class Question(Frozen):
    """A clarifying question. The run waits for its answer and plans again with it."""

    key: Key
    text: Short
    options: Annotated[tuple[Short, ...], Field(max_length=20)] = ()


class MessageDraft(Frozen):
    """A draft that stays inside: free, never sent by itself."""

    to: Annotated[tuple[Short, ...], Field(max_length=50)]
    subject: Short
    body: Long


class PlanDraft(Frozen):
    """What planning returns: either questions, or steps and proposals (possibly none)."""

    goal: Short
    steps: Annotated[tuple[Short, ...], Field(max_length=50)] = ()
    read: Annotated[tuple[ReadNote, ...], Field(max_length=100)] = ()
    reasoning: Long = ""
    questions: Annotated[tuple[Question, ...], Field(max_length=10)] = ()
    proposals: Annotated[tuple[Proposal, ...], Field(max_length=MAX_PROPOSALS)] = ()
    drafts: Annotated[tuple[MessageDraft, ...], Field(max_length=MAX_PROPOSALS)] = ()


class PlanCard(Frozen):
    """The part of a run's card that planning fixed; questions and actions are rows of their own."""

    goal: Short
    steps: tuple[Short, ...] = ()
    read: tuple[ReadNote, ...] = ()
    reasoning: Long = ""
    drafts: tuple[MessageDraft, ...] = ()
    set_aside: tuple[Short, ...] = ()
    """Proposals the control side would not put on the card, each with the reason."""

    @classmethod
    def of(cls, draft: PlanDraft, set_aside: tuple[str, ...] = ()) -> PlanCard:
        return cls(
            goal=draft.goal,
            steps=draft.steps,
            read=draft.read,
            reasoning=draft.reasoning,
            drafts=draft.drafts,
            set_aside=set_aside,
        )
