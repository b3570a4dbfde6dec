"""`coco account`: deleting an account for somebody who asked for it, and what became of deletions."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import Fix, settings
from cli.options import Email, PasswordFile

app = typer.Typer(help="Accounts.", no_args_is_help=True)


@app.command("delete")
def delete(
    email: Email,
    confirm: Annotated[str, typer.Option(help="The same address again: nothing brings the account back.")],
    password_file: PasswordFile = None,
) -> None:
    """Delete an account with everything that is kept of it. The control worker does it."""
    import psycopg

    from cli.owner import running_database
    from coco.errors import NotFound
    from store.erasing import ask_as_operator

    if confirm.strip().lower() != email.strip().lower():
        raise Fix("--confirm is not the address of the account; nothing was deleted")
    with running_database(settings(), password_file=password_file) as address, psycopg.connect(address) as owner:
        try:
            user_id = ask_as_operator(owner, email)
        except NotFound as error:
            raise Fix(error.message) from error
    typer.echo(f"Account {user_id} is being deleted; `coco account deletions` says how far it is.")


@app.command("deletions")
def deletions(password_file: PasswordFile = None) -> None:
    """List every deletion that was asked for, with when, by whom, and how far it has come."""
    import psycopg

    from cli.owner import running_database

    with running_database(settings(), password_file=password_file) as address, psycopg.connect(address) as owner:
        rows = owner.execute(
            "SELECT user_id, asked_at, asked_by, step, finished_at FROM erasures ORDER BY asked_at"
        ).fetchall()
    for user_id, asked_at, asked_by, step, finished_at in rows:
        end = f"done {finished_at:%Y-%m-%d %H:%M}" if finished_at else f"at step {step}"
        typer.echo(f"{user_id}  asked {asked_at:%Y-%m-%d %H:%M} by the {asked_by}  {end}")
    if not rows:
        typer.echo("No account was deleted.")
