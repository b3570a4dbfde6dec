"""The activity feed, and the page that describes the REST API."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from api.public.pages.render import own_page, page
from api.public.pages.visitor import VisitorDep
from store import views

router = APIRouter(include_in_schema=False)


@router.get("/activity")
async def activity(
    request: Request, visitor: VisitorDep, before: Annotated[int | None, Query(ge=1, le=2**62)] = None
) -> HTMLResponse:
    """Everything that happened, newest first."""
    async with visitor.parts.reading(visitor.user_id) as session:
        found = await views.activity(session, visitor.user_id, before=before, limit=50)
    return await own_page(
        request, visitor, "activity.html", here="activity", activity=found, first=before is None, feed="all"
    )


@router.get("/api/docs")
async def api_docs(request: Request) -> HTMLResponse:
    """The REST API, from its own OpenAPI description."""
    described = request.app.openapi()
    groups: dict[str, list[dict[str, object]]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            groups.setdefault(tag, []).append({"method": method.upper(), "path": path, "operation": operation})
    schemas = described.get("components", {}).get("schemas", {})
    return page("api_docs.html", described=described, groups=groups, schemas=schemas)
