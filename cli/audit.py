"""`coco audit`: the record of what happened, checked."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import settings

app = typer.Typer(help="The record of what happened.", no_args_is_help=True)


@app.command()
def verify(
    user: Annotated[str | None, typer.Option(help="Only the account of this e-mail address.", metavar="EMAIL")] = None,
    password_file: Annotated[
        str | None, typer.Option(help="File with the owner's password, for a DATABASE_URL without one.")
    ] = None,
) -> None:
    """Walk every account's chain of entries. Exit code 1 when one is broken; the first broken entry is named.

    Works while Coco runs and while it does not.
    """
    from cli.owner import running_database
    from cli.verify import walk

    with running_database(settings(), password_file=password_file) as owner:
        broken = False
        for account in walk(owner, user):
            if account.problem is None:
                typer.echo(f"{account.email}: {account.entries} entries, the chain holds")
            else:
                broken = True
                typer.echo(f"{account.email}: broken at entry {account.problem.seq}: {account.problem.problem}")
    if broken:
        raise typer.Exit(1)
