"""Tables of what an owner asks for outside of any run: single reads, rules that a language model proposes, which
model is asked for what, and how somebody writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Column, ForeignKeyConstraint
from sqlalchemy import DateTime as SaDateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from store.tables import utc_now


def _json(*, nullable: bool = False) -> Column[Any]:
    return Column(JSONB(none_as_null=True), nullable=nullable)


def _time(*, nullable: bool = False) -> Column[datetime]:
    return Column(SaDateTime(timezone=True), nullable=nullable)


class AskedRead(SQLModel, table=True):
    """One read that an owner asked for, outside of any run. The request is made on the control side and never changes;
    the sandbox adds the credential, and the gateway keeps the answer. Removed once it was used."""

    __tablename__ = "asked_reads"
    __table_args__ = (ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    connection_id: UUID = Field(index=True)
    purpose: str
    """proposing | voice"""
    batch: UUID = Field(index=True)
    """What it was asked for: the id of the proposal, or of the voice."""
    position: int = 0
    request: dict[str, Any] = Field(sa_column=_json())
    request_digest: str
    state: str = "pending"
    """pending | answered | failed"""
    response: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    response_digest: str | None = None
    reason: str = ""
    """Why there is no answer, in a person's words."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    finished_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class GuardrailProposal(SQLModel, table=True):
    """A refused sentence for which its owner asked a language model to propose a rule, and what came of it."""

    __tablename__ = "guardrail_proposals"
    __table_args__ = (ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    workflow_id: UUID = Field(index=True)
    guardrail_id: UUID | None = None
    """The guardrail of which it is to be the next version; once proposed, the one it became a version of."""
    version: int | None = None
    sentence: str
    asks: list[dict[str, Any]] = Field(sa_column=_json())
    """Whom to ask, in order: `connection`, `model`, `sampling`."""
    asked: int = 0
    """How many of these were asked by now."""
    state: str = "asking"
    """asking | proposed | refused"""
    reason: str = ""
    """Why no rule came of it."""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    finished_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))


class ModelRoute(SQLModel, table=True):
    """Which model an account has asked for a purpose, and which where that one fails."""

    __tablename__ = "model_routes"
    __table_args__ = (
        ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        ForeignKeyConstraint(["fallback_connection_id", "user_id"], ["connections.id", "connections.user_id"]),
    )
    user_id: UUID = Field(primary_key=True)
    purpose: str = Field(primary_key=True)
    """coco.model_routes.Purpose"""
    connection_id: UUID
    model: str
    fallback_connection_id: UUID | None = None
    fallback_model: str | None = None
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class VoiceRow(SQLModel, table=True):
    """How somebody writes, learned of their own sent messages. Used once they kept it; until then, and where they did
    not, it goes with the connection's revocation."""

    __tablename__ = "voices"
    __table_args__ = (ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(index=True)
    connection_id: UUID = Field(index=True)
    state: str = "learning"
    """learning | shown | kept | failed"""
    step: str = "list"
    """What is being read: folder | list | messages"""
    voice: dict[str, Any] | None = Field(default=None, sa_column=_json(nullable=True))
    """coco.voice.Voice"""
    messages: int = 0
    """Of how many it was learned."""
    reason: str = ""
    created_at: datetime = Field(default_factory=utc_now, sa_column=_time())
    kept_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
