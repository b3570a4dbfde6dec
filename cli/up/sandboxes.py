"""Whether sandboxes can be made here; and at the end, that this deployment's are stopped: they outlive their worker."""

from __future__ import annotations

import asyncio

from cli.errors import Fix
from cli.places import Places, deployment_of
from cli.up.logs import Terminal
from cli.up.specs import Plan
from coco.settings import Settings
from sandbox.container import Sandbox, SandboxError, SandboxUnavailable, detect


async def check_sandboxes(settings: Settings, here: Places) -> None:
    """Raises Fix that says what to install: without sandboxes nothing could run, so nothing is started."""
    try:
        await _kind(settings, here)
    except SandboxUnavailable as error:
        raise Fix(f"{error} `coco doctor` shows what else is missing.") from None


async def stop_sandboxes(plan: Plan, terminal: Terminal) -> None:
    """Those of this deployment and no others. Raises nothing: what cannot be stopped is told."""
    try:
        kind = await _kind(plan.settings, plan.places)
        running = await kind.list()
    except SandboxUnavailable:
        return  # then none was started
    except SandboxError as error:
        terminal.warn(f"sandboxes could not be looked for: {error}")
        return
    results = await asyncio.gather(*(kind.stop(item.user_id) for item in running), return_exceptions=True)
    for item, result in zip(running, results, strict=True):
        if isinstance(result, BaseException):
            terminal.warn(f"the sandbox of {item.user_id} could not be stopped: {result}")
    if running:
        terminal.say(f"stopped {len(running)} sandbox{'es' if len(running) > 1 else ''}")


async def _kind(settings: Settings, here: Places) -> Sandbox:
    """As the control worker finds it."""
    return await detect(
        None if settings.sandbox == "auto" else settings.sandbox,
        deployment=deployment_of(settings),
        state_dir=here.state / "sandboxes",
    )
