"""The first user, for the demo: an account, two connections, two workflows and a run of each, over the public REST API.

Nothing here can do what a person with a browser could not.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from activities.connectors.registry import connector
from cli.errors import Fix
from cli.places import Places
from coco.keys import write_private

EMAIL = "demo@example.com"
NAME = "Demo"
PATIENCE_SECONDS = 900
"""For the first sandbox: its image may have to be built."""

WORKFLOWS: tuple[dict[str, Any], ...] = (
    {
        "playbook": "follow_up_silent_deals",
        "title": "Follow up on silent deals",
        "params": {"days": 21, "stage": "qualifiedtobuy", "limit": 5},
        "connectors": ("hubspot", "smtp"),
    },
    {
        "playbook": "enrich_tagged_contacts",
        "title": "Complete design partner candidates",
        "params": {"tag": "design partner candidate", "limit": 8},
        "connectors": ("hubspot",),
    },
)


def password(places: Places) -> str:
    """The demo account's password, made on the first start."""
    path = password_file(places)
    if not path.exists():
        write_private(path, secrets.token_urlsafe(12))
    return path.read_text().strip()


def password_file(places: Places) -> Path:
    return places.keys / "demo-password"


async def set_up(url: str, host: str, places: Places, announced: dict[str, Any], say: Callable[[str], None]) -> None:
    """Whatever is still missing, on the first start; afterwards nothing, so that what a person changed stays.

    `url` is where this machine reaches the public app, `host` the host name that it serves.

    Raises Fix that says what did not work; the next start tries again.
    """
    marker = places.demo / "set-up.json"
    wanted = {"http": announced["http"], "smtp": announced["smtp"]}
    if marker.exists():
        if json.loads(marker.read_text()) != wanted:
            say(
                f"the demo workspace moved to {announced['http']}, since its ports were taken; its connections still "
                "name the old ones: free them and start again"
            )
        return
    async with httpx.AsyncClient(
        base_url=f"{url}/api/v1", headers={"host": host}, trust_env=False, timeout=120
    ) as client:
        try:
            await _sign_in(client, password(places))
            connections = await _connections(client, announced, say)
            for workflow in WORKFLOWS:
                await _workflow_with_run(client, workflow, connections)
        except httpx.HTTPError as error:
            raise Fix(
                f"the demo account could not be set up ({type(error).__name__}); the next start goes on"
            ) from None
    partial = marker.with_suffix(".new")
    partial.write_text(json.dumps(wanted))
    partial.replace(marker)
    say("the demo account is ready: two runs are planning, and their cards will wait in the inbox")


async def _sign_in(client: httpx.AsyncClient, secret: str) -> None:
    account = {"email": EMAIL, "password": secret}
    answer = await client.post("/auth/sign-up", json={**account, "name": NAME})
    if answer.status_code == 409:
        answer = await client.post("/auth/login", json=account)
    client.headers["authorization"] = f"Bearer {_ok(answer)['access_token']}"


async def _connections(
    client: httpx.AsyncClient, announced: dict[str, Any], say: Callable[[str], None]
) -> dict[str, str]:
    """The demo's connections by connector, made where missing; their ids."""
    smtp = announced["smtp"]
    wanted = (
        {
            "connector": "hubspot",
            "title": "HubSpot (demo)",
            "base_url": announced["http"],
            "credential": {"secret": announced["api_key"]},
            # All that the workspace's key can do: what is changed with it waits for an approval, each time.
            "scopes": [scope.name for scope in connector("hubspot").scopes],
        },
        {
            "connector": "smtp",
            "title": "Sales mailbox (demo)",
            "base_url": f"smtp://{smtp['host']}:{smtp['port']}",
            "settings": {"from_address": "sales@coco-demo.example", "from_name": "Coco Demo"},
            "credential": {"secret": announced["smtp_password"], "username": announced["smtp_user"]},
            "scopes": [scope.name for scope in connector("smtp").scopes],
        },
    )
    there = {item["connector"]: str(item["id"]) for item in _ok(await client.get("/connections"))}
    for body in wanted:
        if body["connector"] not in there:
            there[body["connector"]] = await _connect(client, body, say)
    return there


async def _connect(client: httpx.AsyncClient, body: dict[str, Any], say: Callable[[str], None]) -> str:
    """Waits for the account's first sandbox, to which the credential is sealed."""
    told = False
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await client.post("/connections", json=body)
                if answer.status_code != 503:
                    return await _checked(client, str(_ok(answer)["id"]))
                if not told:
                    say("the demo account's sandbox is being made; on a machine's first start that takes minutes")
                    told = True
                await asyncio.sleep(2)
    except TimeoutError:
        raise Fix(
            "the demo account's sandbox did not start; logs/control.log says why, and `coco doctor` what is missing"
        ) from None


async def _checked(client: httpx.AsyncClient, connection_id: str) -> str:
    """Waits until the workspace has accepted the key. Raises Fix where it did not."""
    while True:
        told = _ok(await client.get(f"/connections/{connection_id}"))
        if told["state"] == "active":
            return connection_id
        if told["state"] != "checking":
            raise Fix(f"the demo account could not be connected: {told['reason']}")
        await asyncio.sleep(0.5)


async def _workflow_with_run(client: httpx.AsyncClient, wanted: dict[str, Any], connections: dict[str, str]) -> None:
    there = {item["playbook"]: str(item["id"]) for item in _ok(await client.get("/workflows"))}
    workflow_id = there.get(wanted["playbook"])
    if workflow_id is None:
        body = {
            "playbook": wanted["playbook"],
            "title": wanted["title"],
            "params": wanted["params"],
            "connections": [connections[name] for name in wanted["connectors"]],
        }
        workflow_id = str(_ok(await client.post("/workflows", json=body))["id"])
    # The same key gives the same run, should a start be interrupted here and come again.
    key = {"idempotency-key": f"demo-{workflow_id}"}
    _ok(await client.post("/runs", json={"workflow_id": workflow_id, "goal": wanted["title"]}, headers=key))


def _ok(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    try:
        message = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = f"status {answer.status_code}"
    raise Fix(f"the demo account could not be set up: {message}")
