"""`coco operator`: who may read the operators' pages."""

from __future__ import annotations

import typer

from cli.errors import settings
from cli.options import Email, PasswordFile

app = typer.Typer(help="People who look after this installation.", no_args_is_help=True)


@app.command()
def add(
    email: Email,
    password_file: PasswordFile = None,
) -> None:
    """Let an account read the operators' pages and the codec server. It can approve nothing by that."""
    import psycopg

    from cli.owner import running_database
    from store.accounts import make_operator

    with running_database(settings(), password_file=password_file) as address, psycopg.connect(address) as owner:
        make_operator(owner, email)
    typer.echo(f"{email} is an operator from the next sign-in on.")


@app.command("list")
def list_operators(password_file: PasswordFile = None) -> None:
    """Show who is an operator."""
    import psycopg

    from cli.owner import running_database

    with running_database(settings(), password_file=password_file) as address, psycopg.connect(address) as owner:
        for (email,) in owner.execute("SELECT email FROM users WHERE is_operator ORDER BY email"):
            typer.echo(email)
