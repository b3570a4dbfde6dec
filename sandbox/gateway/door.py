"""Every call of a sandbox enters here: limits, token, then one of the two fronts; everything else is refused."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import grpc
from sqlalchemy.exc import SQLAlchemyError

from coco import gateway_protocol
from coco.errors import CocoError, Code
from sandbox.gateway import temporal_calls
from sandbox.gateway.auth import TokenCheck
from sandbox.gateway.egress_front import EgressFront
from sandbox.gateway.egress_messages import Notes
from sandbox.gateway.errors import abort, abort_plain
from sandbox.gateway.grpc_types import Context, any_shape, one_to_one
from sandbox.gateway.limits import Busy, UserLimits
from sandbox.gateway.reasons import one_line, safe_reason, where
from sandbox.gateway.refusal_log import RefusalLog
from sandbox.gateway.temporal_front import TemporalFront, UpstreamStatus
from sandbox.gateway.unpacking import unpacked
from store import sandboxes
from store.database import Database

log = logging.getLogger(__name__)

TOUCH_SECONDS = 20.0
"""How often at most a sandbox's "last active" is written."""

_UNRECORDED = frozenset({Code.UNAVAILABLE, Code.CONFLICT, Code.THROTTLED, Code.RUN_PAUSED})
"""Answers that are no refusals: the caller did nothing wrong."""


class Door(grpc.GenericRpcHandler):
    """The one handler of a user's server; answers for every method there could be."""

    def __init__(
        self,
        user_id: UUID,
        database: Database,
        tokens: TokenCheck,
        refusals: RefusalLog,
        temporal: TemporalFront,
        egress: EgressFront,
        limits: UserLimits,
    ) -> None:
        self._user_id = user_id
        self._db = database
        self._tokens = tokens
        self._refusals = refusals
        self._temporal = temporal
        self._egress = egress
        self._limits = limits
        self._touched = -TOUCH_SECONDS

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        service, _, method = details.method.removeprefix("/").partition("/")
        if service == temporal_calls.SERVICE and method in temporal_calls.CALLS:
            front = "temporal"
        elif service == gateway_protocol.SERVICE and method in self._egress.methods:
            front = "egress"
        else:

            async def refuse(_: Any, context: Context) -> None:
                await self._refuse_unknown(details.method, context)

            # A stream handler answers a call of any shape, and reads nothing of it.
            return any_shape(refuse)

        async def handle(raw: bytes, context: Context) -> bytes:
            return await self._handle(front, method, raw, context)

        return one_to_one(handle)

    async def _refuse_unknown(self, path: str, context: Context) -> None:
        front = "temporal" if path.startswith("/temporal.") else "egress"
        if not self._limits.calls.take():
            await abort_plain(context, grpc.StatusCode.RESOURCE_EXHAUSTED)
        try:
            await self._tokens.check(self._user_id, context.invocation_metadata() or ())
            raise CocoError("no worker needs this call", code=Code.FORBIDDEN)
        except CocoError as error:
            await self._note(front, path, error, Notes())
            await abort(context, error)

    async def _handle(self, front: str, method: str, raw: bytes, context: Context) -> bytes:
        if not self._limits.calls.take():
            await abort_plain(context, grpc.StatusCode.RESOURCE_EXHAUSTED)
        notes = Notes()
        try:
            digest = await self._tokens.check(self._user_id, context.invocation_metadata() or ())

            async def still_valid() -> None:
                await self._tokens.check_digest(self._user_id, digest)

            message = unpacked(raw)
            if not self._limits.volume.take(len(message)):
                raise Busy
            reply, at_work = await self._answer(front, method, message, context, still_valid, notes)
            if at_work:
                await self._touch()
            return reply
        except Busy:
            await abort_plain(context, grpc.StatusCode.RESOURCE_EXHAUSTED)
        except UpstreamStatus as error:
            await abort_plain(context, error.status)
        except CocoError as error:
            await self._note(front, method, error, notes)
            await abort(context, error)
        except (SQLAlchemyError, OSError) as error:
            log.error("%s of user=%s: %s at %s", method, self._user_id, type(error).__name__, where(error))
            await abort(context, CocoError("the database does not answer", code=Code.UNAVAILABLE))
        except asyncio.CancelledError:
            raise
        except grpc.aio.AbortError:
            raise
        except Exception as error:
            # Its text may hold what was in the message; the place in the code tells enough.
            log.error("%s of user=%s: %s at %s", method, self._user_id, type(error).__name__, where(error))
            await abort_plain(context, grpc.StatusCode.INTERNAL)
        raise AssertionError("the call was aborted")

    async def _answer(
        self,
        front: str,
        method: str,
        raw: bytes,
        context: Context,
        still_valid: Callable[[], Awaitable[None]],
        notes: Notes,
    ) -> tuple[bytes, bool]:
        if front == "temporal":
            return await self._temporal.handle(method, raw, context.time_remaining(), still_valid)
        return await self._egress.handle(method, raw, notes), self._egress.methods[method].is_work

    async def _note(self, front: str, method: str, error: CocoError, notes: Notes) -> None:
        if error.code in _UNRECORDED:
            return
        detail = {"method": one_line(method)[-120:], "reason": safe_reason(error), **notes.detail}
        await self._refusals.note(
            self._user_id, front, error.code, detail, run_id=notes.run_id, action_id=notes.action_id
        )

    async def _touch(self) -> None:
        now = time.monotonic()
        if now - self._touched < TOUCH_SECONDS:
            return
        self._touched = now
        try:
            async with self._db.user(self._user_id) as session:
                await sandboxes.touch(session, self._user_id)
        except (SQLAlchemyError, OSError) as error:
            log.warning("user=%s could not be marked active: %s", self._user_id, type(error).__name__)
