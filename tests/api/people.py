"""People with accounts, as REST clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

BASE = "http://coco.test"
PASSWORD = "a long enough password"


@dataclass
class Person:
    """Calls the REST API with a token."""

    client: httpx.AsyncClient
    email: str
    user_id: UUID
    session_id: UUID
    token: str
    refresh: str

    async def call(self, method: str, path: str, *, token: str | None = None, **kwargs: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token or self.token}"} | kwargs.pop("headers", {})
        return await self.client.request(method, f"/api/v1{path}", headers=headers, **kwargs)

    async def get(self, path: str, **kwargs: Any) -> Any:
        response = await self.call("GET", path, **kwargs)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, json: Any = None, *, status: int = 200, **kwargs: Any) -> Any:
        response = await self.call("POST", path, json=json, **kwargs)
        assert response.status_code == status, response.text
        return response.json() if response.content else None


def person(client: httpx.AsyncClient, email: str, told: dict[str, Any]) -> Person:
    return Person(
        client,
        email,
        UUID(told["user_id"]),
        UUID(told["session_id"]),
        told["access_token"],
        told["refresh_token"],
    )


async def sign_up(client: httpx.AsyncClient, email: str, name: str = "") -> Person:
    response = await client.post("/api/v1/auth/sign-up", json={"email": email, "password": PASSWORD, "name": name})
    assert response.status_code == 201, response.text
    return person(client, email, response.json())


async def login(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


def code(response: httpx.Response) -> str:
    """The error's code, after checking that the answer has the one shape all errors have."""
    body = response.json()
    assert set(body) == {"error"}, body
    assert set(body["error"]) <= {"code", "message", "fields", "request_id"}
    assert isinstance(body["error"]["message"], str)
    assert body["error"]["message"]
    return str(body["error"]["code"])
