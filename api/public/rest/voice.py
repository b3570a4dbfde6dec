"""How the user writes, learned of their own sent messages on their request."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.public import voicing
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Told
from coco.voice import MAX_EXCERPTS
from store import voices
from store.tables_asking import VoiceRow

router = APIRouter(tags=["voice"])


class LearnIn(Given):
    connection_id: UUID
    """A mailbox that can be read: Gmail or IMAP."""


class KeepIn(Given):
    excerpts: Annotated[list[Annotated[int, Field(ge=0, lt=MAX_EXCERPTS)]], Field(max_length=MAX_EXCERPTS)] = []
    """Places, from 0, of the samples that may be shown to a language model."""


class VoiceOut(Told):
    id: UUID
    connection_id: UUID
    state: str
    """learning, shown (it waits for your word), kept (mails are worded in it) or failed"""
    voice: dict[str, Any] | None
    messages: int
    reason: str
    created_at: datetime
    kept_at: datetime | None


@router.get("/voices")
async def list_voices(user: BearerUser, parts: PartsDep) -> list[VoiceOut]:
    """The kept one first."""
    async with parts.reading(user.user_id) as session:
        return [_out(row) for row in await voices.listed(session, user.user_id)]


@router.post("/voices", status_code=201)
async def learn_voice(body: LearnIn, user: BearerUser, parts: PartsDep) -> VoiceOut:
    """Reads the newest sent messages, twenty at most, learns how they are written, and keeps none of them.

    Nothing is used before it is kept. Comes with the Founder tier.
    """
    return _out(await voicing.learn(parts, user.user_id, body.connection_id))


@router.post("/voices/{voice_id}/look")
async def look_at_voice(voice_id: UUID, user: BearerUser, parts: PartsDep) -> VoiceOut:
    """Goes on where the messages have been read by now; repeating it changes nothing more."""
    return _out(await voicing.awaited(parts, user.user_id, voice_id))


@router.post("/voices/{voice_id}/keep")
async def keep_voice(voice_id: UUID, body: KeepIn, user: BearerUser, parts: PartsDep) -> VoiceOut:
    """Approves what was learned: mails are worded in it from now on, with the confirmed samples and no others."""
    async with parts.writing(user.user_id) as session:
        return _out(await voices.keep(session, user.user_id, voice_id, body.excerpts))


@router.delete("/voices/{voice_id}", status_code=204)
async def delete_voice(voice_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Deletes it, kept or not."""
    async with parts.writing(user.user_id) as session:
        await voices.remove(session, user.user_id, voice_id)


def _out(row: VoiceRow) -> VoiceOut:
    return VoiceOut(**row.model_dump(exclude={"user_id", "step"}))
