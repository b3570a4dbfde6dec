"""The feed: a user's audit entries, newest first, searched and filtered; by pages, or all of them for an export.

Order and cursor are the entry's sequence number, so new entries move no page. Postgres does not use a text index under
row-level security, so a search asks `coco_audit_find` for sequence numbers (see store.migrations.audit_search) and then
reads the rows under the policy like everything else.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.audit import AuditKind
from coco.errors import InvalidInput
from store.tables import AuditRow
from store.views import ActivityView, Page, activity_page, activity_view

MAX_WORDS = 20
MOST_CREDITS = 2**31 - 1
_NO_END = 2**62
_TERM = re.compile(r'(-?)(?:"([^"]*)"|(\S+))')
_SEPARATORS = re.compile(r"[\W_]+")
_MARK = "\x01"

STATES: dict[str, AuditKind] = {
    **{
        state.value: AuditKind(f"action_{state.value}")
        for state in ActionState
        if f"action_{state.value}" in set(AuditKind)
    },
    "edited": AuditKind.ACTION_EDITED,
    "settled": AuditKind.ACTION_SETTLED,
    "covered": AuditKind.ACTION_COVERED,
    "notified": AuditKind.ACTION_NOTIFIED,
    "returned": AuditKind.ACTION_RETURNED,
    "reviewed": AuditKind.ACTION_REVIEWED,
    "refused": AuditKind.REQUEST_REFUSED,
}
"""What became of an action -> the kind of entry that records it."""
ACTORS = ("user", "guardrail", "operator", "schedule", "hook", "system")

# As an array, worked out once: what is looked up under the policy is then a list of primary keys.
_FIND = text(
    "audit.seq = ANY (ARRAY(SELECT coco_audit_find(CAST(:marks AS text), CAST(:words AS text), CAST(:below AS bigint), "
    "CAST(:since AS timestamptz), CAST(:until AS timestamptz), CAST(:cost_from AS integer), "
    "CAST(:cost_to AS integer), CAST(:wanted AS integer))))"
)


class Filter(BaseModel):
    """Which entries; every part narrows. Nothing given: all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Annotated[str, Field(max_length=200)] = ""
    """Words that must all be there: `"in this order"`, `-not this`, `begins*`, `this OR that`."""
    person: Annotated[str, Field(max_length=200)] = ""
    """Who: `user`, `guardrail`, `operator`, `schedule`, `hook`, `system`, or one of them exactly (`guardrail:ID@2`)."""
    workflow: UUID | None = None
    run: UUID | None = None
    connection: UUID | None = None
    operation: Annotated[str, Field(max_length=200)] = ""
    kind: AuditKind | None = None
    state: Annotated[str, Field(max_length=40)] = ""
    """What became of an action: one of `STATES`."""
    since: datetime | None = None
    until: datetime | None = None
    """Entries before this moment."""
    cost_from: Annotated[int, Field(ge=0, le=MOST_CREDITS)] = 0
    """Credits."""
    cost_to: Annotated[int | None, Field(ge=0, le=MOST_CREDITS)] = None

    @property
    def is_empty(self) -> bool:
        return self == Filter()

    def told(self) -> dict[str, Any]:
        """What is not left open, as JSON."""
        return self.model_dump(mode="json", exclude_defaults=True)


def check(wanted: Filter) -> None:
    """Raises InvalidInput where a filter asks for what cannot be."""
    _marks(wanted)
    _words(wanted.q)


async def page(
    session: AsyncSession, user_id: UUID, wanted: Filter, *, cursor: str | None = None, limit: int = 50
) -> Page[ActivityView]:
    """One page. Raises InvalidInput for a cursor that was not given out, or a search that asks for nothing."""
    below = _below(cursor)
    rows = await _rows(session, user_id, wanted, below, limit + 1)
    return activity_page(rows, limit)


async def everything(
    reading: Callable[[], AbstractAsyncContextManager[AsyncSession]],
    user_id: UUID,
    wanted: Filter,
    *,
    up_to: int,
    chunk: int = 500,
) -> AsyncIterator[ActivityView]:
    """Every entry of the filter up to one sequence number, in the order of the pages; one short transaction a chunk."""
    below = up_to + 1
    while True:
        async with reading() as session:
            rows = await _rows(session, user_id, wanted, below, chunk)
        for row in rows:
            yield activity_view(row)
        if len(rows) < chunk:
            return
        below = rows[-1].seq


def _below(cursor: str | None) -> int:
    if cursor is None:
        return _NO_END
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput("cursor: give back the `next` of the page before")
    return int(cursor)


async def _rows(session: AsyncSession, user_id: UUID, wanted: Filter, below: int, limit: int) -> list[AuditRow]:
    marks, words = _marks(wanted), _words(wanted.q)
    query = select(AuditRow).where(col(AuditRow.user_id) == user_id).order_by(col(AuditRow.seq).desc()).limit(limit)
    since, until = _moment(wanted.since), _moment(wanted.until)
    if marks is None and words is None and since is None and until is None:
        query = query.where(col(AuditRow.seq) < below)
        return list((await session.execute(query)).scalars())
    found = _FIND.bindparams(
        marks=marks,
        words=words,
        below=below,
        since=since,
        until=until,
        cost_from=wanted.cost_from,
        cost_to=MOST_CREDITS if wanted.cost_to is None else wanted.cost_to,
        wanted=limit,
    )
    return list((await session.execute(query.where(found))).scalars())


def _moment(value: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _marks(wanted: Filter) -> str | None:
    """The exact conditions as a tsquery over the marks of store.migrations.audit_search; None where there are none."""
    parts = []
    if wanted.person:
        parts.append(_mark("t" if wanted.person in ACTORS else "a", wanted.person))
    for letter, value in (
        ("w", wanted.workflow),
        ("r", wanted.run),
        ("c", wanted.connection),
        ("o", wanted.operation),
        ("k", wanted.kind.value if wanted.kind else ""),
    ):
        if value:
            parts.append(_mark(letter, str(value)))
    if wanted.state:
        if wanted.state not in STATES:
            raise InvalidInput(f"state: there is no {wanted.state!r}; there are {', '.join(sorted(STATES))}")
        parts.append(_mark("k", STATES[wanted.state].value))
    if wanted.cost_to is not None and wanted.cost_to < wanted.cost_from:
        raise InvalidInput("cost_to is less than cost_from")
    # By the number of digits; the function compares the credits themselves.
    longest = 10 if wanted.cost_to is None else len(str(wanted.cost_to)) if wanted.cost_to else 0
    if wanted.cost_from > 0:
        sizes = range(len(str(wanted.cost_from)), longest + 1)
        parts.append("(" + " | ".join(_mark("$", str(digits)) for digits in sizes) + ")")
    elif wanted.cost_to is not None:
        parts.append("!(" + " | ".join(_mark("$", str(digits)) for digits in range(longest + 1, 12)) + ")")
    return " & ".join(parts) or None


def _mark(letter: str, value: str) -> str:
    return _quoted(f"{_MARK}{letter}{value[:200]}")


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''").replace("\0", " ") + "'"


def _words(q: str) -> str | None:
    """A search as people type it, as a tsquery; None where nothing was typed. Raises InvalidInput."""
    if not q.strip():
        return None
    groups: list[list[str]] = [[]]
    count = 0
    joined = False
    for minus, phrase, word in _TERM.findall(q):
        if not minus and word in {"OR", "or"} and groups[-1]:
            joined = True
            continue
        term, words = _term(phrase or word, starred=bool(word) and word.endswith("*"))
        if term is None:
            continue
        count += words
        told = f"!({term})" if minus else f"({term})"
        if joined:
            groups[-1].append(told)
        else:
            groups.append([told])
        joined = False
    if not count:
        raise InvalidInput("q: give a word to search for")
    if count > MAX_WORDS:
        raise InvalidInput(f"q: at most {MAX_WORDS} words")
    return " & ".join("(" + " | ".join(group) + ")" for group in groups if group)


def _term(text_: str, *, starred: bool) -> tuple[str | None, int]:
    """One term: its words in their order, split as the texts of entries are."""
    words = [word for word in _SEPARATORS.split(text_) if word]
    if not words:
        return None, 0
    last = _quoted(words[-1]) + (":*" if starred else "")
    return " <-> ".join([*(_quoted(word) for word in words[:-1]), last]), len(words)
