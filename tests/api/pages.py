"""The pages as a browser uses them: cookies, the token of each form, the Origin header."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from api.public.parts import Parts
from api.shell import Shell
from tests.api.people import BASE, PASSWORD


class Visitor:
    """A browser without scripts."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, *, status: int = 200) -> str:
        response = await self.client.get(path)
        assert response.status_code == status, response.text
        return response.text

    async def csrf(self, path: str = "/credits") -> str:
        """The token that this visitor's forms carry."""
        found = re.search(r'name="csrf" value="([^"]+)"', await self.get(path))
        assert found is not None
        return found[1]

    async def post(
        self, path: str, form: dict[str, str | list[str]], *, csrf: str | None = None, **headers: str
    ) -> httpx.Response:
        data = {"csrf": await self.csrf() if csrf is None else csrf} | form
        return await self.client.post(path, data=data, headers={"origin": BASE} | headers)


def browser(app: FastAPI, parts: Parts) -> httpx.AsyncClient:
    """A client of its own, with its own cookies."""
    transport = httpx.ASGITransport(Shell(app, parts.origins), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE)


@asynccontextmanager
async def visit(app: FastAPI, parts: Parts, email: str) -> AsyncIterator[Visitor]:
    """Signs in by the page."""
    async with browser(app, parts) as client:
        visitor = Visitor(client)
        csrf = await visitor.csrf("/login")
        response = await visitor.post("/login", {"email": email, "password": PASSWORD, "next": "/"}, csrf=csrf)
        assert response.status_code == 303, response.text
        yield visitor
