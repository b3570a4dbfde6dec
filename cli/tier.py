"""`coco tier`: which tier an account is on, set by who runs this installation."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import Fix, settings
from cli.options import Email, PasswordFile
from coco.tiers import TIERS, Tier

app = typer.Typer(help="Tiers of accounts.", no_args_is_help=True)


@app.command("set")
def set_(
    email: Email,
    tier: Annotated[Tier, typer.Argument(help="The tier.", show_default=False)],
    password_file: PasswordFile = None,
) -> None:
    """Move an account to a tier. What it has already stays, even above the new limits."""
    import asyncio

    from cli.owner import running_database

    with running_database(settings(), password_file=password_file) as address:
        before = asyncio.run(_set(address, email, tier))
    told = "already was" if before is tier else "is"
    typer.echo(f"{email} {told} on the {TIERS[tier].title} tier.")


async def _set(address: str, email: str, tier: Tier) -> Tier:
    from coco.errors import NotFound
    from store.database import Database
    from store.tiers import set_tier

    database = Database(address)
    try:
        return await set_tier(database, email, tier)
    except NotFound as error:
        raise Fix(error.message) from error
    finally:
        await database.close()


@app.command("list")
def list_() -> None:
    """Show each tier with its limits and features."""
    for plan in TIERS.values():
        limits = ", ".join(f"{most} {limit.value}" for limit, most in plan.limits.items()) or "no limits"
        features = ", ".join(sorted(feature.value for feature in plan.features))
        typer.echo(f"{plan.title}: {limits}" + (f"; with {features}" if features else ""))
