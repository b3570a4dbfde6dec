"""At the end, the sandboxes of this deployment are stopped; they outlive the worker that started them."""

from __future__ import annotations

import asyncio

from cli.up.logs import Terminal
from cli.up.specs import Plan
from sandbox.container import SandboxError, SandboxUnavailable, detect


async def stop_sandboxes(plan: Plan, terminal: Terminal) -> None:
    """Those of this deployment and no others. Raises nothing: what cannot be stopped is told."""
    settings = plan.settings
    try:
        kind = await detect(
            None if settings.sandbox == "auto" else settings.sandbox,
            deployment=plan.deployment,
            state_dir=plan.places.state / "sandboxes",
        )
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
