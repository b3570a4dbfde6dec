"""`coco credits`: adding credits to an account, by who runs this installation."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import Fix, settings
from cli.options import Email, PasswordFile

app = typer.Typer(help="Credits of accounts.", no_args_is_help=True)


@app.command()
def add(
    email: Email,
    credits: Annotated[int, typer.Argument(help="How many to add.", min=1, show_default=False)],  # noqa: A002
    reference: Annotated[
        str, typer.Option(help="What they are for, such as an invoice's number; the same one counts once.")
    ],
    password_file: PasswordFile = None,
) -> None:
    """Add credits to an account. Runs that wait for credits go on by themselves."""
    import asyncio

    from cli.owner import running_database

    with running_database(settings(), password_file=password_file) as address:
        added, balance = asyncio.run(_add(address, email, credits, reference))
    told = f"{credits:,} credits were added" if added else "Nothing was added: this reference was used before"
    typer.echo(f"{told}; {email} has {balance:,}.")


async def _add(address: str, email: str, amount: int, reference: str) -> tuple[bool, int]:
    from coco.audit import AuditKind
    from coco.errors import InvalidInput
    from store import accounts, audit, credits, events, runs, views
    from store.database import Database

    database = Database(address)
    try:
        user_id = await accounts.id_of(database, email)
        if user_id is None:
            raise Fix(f"There is no account {email}.")
        async with database.user(user_id) as session:
            try:
                added = await credits.top_up(session, user_id, amount, reference)
            except InvalidInput as error:
                raise Fix(error.message) from error
            if added:
                body = {"credits": amount, "reference": reference}
                await audit.append(session, user_id, AuditKind.CREDITS_ADDED, actor="operator", body=body)
                await events.tell(session, user_id, "credits", body={"added": amount})
                await runs.look_again(session, user_id)
            balance = await views.balance(session, user_id)
        return added, balance.available
    finally:
        await database.close()
