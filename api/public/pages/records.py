"""The page that describes the REST API."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from api.public.pages.render import page

router = APIRouter(include_in_schema=False)


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
