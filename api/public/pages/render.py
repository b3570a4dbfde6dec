"""Templates: one environment, the helpers they use, and the frame that every page shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.public.pages import approval_wording, wording
from api.public.pages.typed import NOTHING
from api.public.pages.visitor import Visitor
from store import team_decisions, views

FOLDER = Path(__file__).resolve().parent.parent
SHOWN_IN_INBOX = 5
"""Actions of one run that the inbox shows in full; the others are on the card."""

environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.globals.update(
    {
        "w": wording,
        "eyes": approval_wording,
        "action_states": wording.ACTION_STATES,
        "connection_states": wording.CONNECTION_STATES,
        "reversibility": wording.REVERSIBILITY,
        "rule_states": wording.RULE_STATES,
        "modes": wording.RULE_MODES,
        "shown_in_inbox": SHOWN_IN_INBOX,
    }
)
environment.filters.update(
    {
        "shown": wording.shown,
        "moment": wording.moment,
        "paragraphs": wording.paragraphs,
        "ticks": wording.ticks,
        "label": wording.field_label,
    }
)


def page(name: str, /, *, status: int = 200, **context: Any) -> HTMLResponse:
    """A page for somebody who is not signed in."""
    frame: dict[str, Any] = {"visitor": None, "waiting": 0, "here": "", "problem": "", "feed": "", "autonomy": {}}
    frame["typed"] = NOTHING
    return HTMLResponse(environment.get_template(name).render(frame | context), status_code=status)


async def own_page(
    request: Request, visitor: Visitor, name: str, /, *, here: str, status: int = 200, **context: Any
) -> HTMLResponse:
    """A page of the signed-in visitor; `here` is the entry of the navigation it belongs to."""
    async with visitor.parts.reading(visitor.user_id) as session:
        waiting = await views.waiting_count(session, visitor.user_id) + await team_decisions.waiting_count(session)
    return page(name, status=status, visitor=visitor, waiting=waiting, here=here, path=request.url.path, **context)
