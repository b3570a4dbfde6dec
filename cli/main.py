"""The `coco` command.

Every command imports what it needs when it runs, so that the small ones start at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from cli import audit, guardrail, keys, operators
from cli.errors import Group

app = typer.Typer(
    cls=Group,
    help="Coco: durable agent workflows; no external action without your explicit approval.",
    no_args_is_help=True,
    # A traceback that shows variables would show keys.
    pretty_exceptions_show_locals=False,
)
app.add_typer(guardrail.app, name="guardrail")
app.add_typer(audit.app, name="audit")
app.add_typer(operators.app, name="operator")
app.add_typer(keys.app, name="keys")


@app.command()
def migrate(
    password_file: Annotated[
        str | None, typer.Option(help="File with the owner's password, for a DATABASE_URL without one.")
    ] = None,
) -> None:
    """Bring the database to the current schema, and make the roles it needs."""
    from cli.owner import owner_address, running_database
    from coco.deployment import master_key
    from coco.settings import Settings
    from store.migrate import migrate as bring_up_to_date

    settings = Settings()
    master = master_key(settings)
    with running_database(settings, password_file=password_file) as owner:
        bring_up_to_date(owner, master.text)
        typer.echo(f"The database at {owner_address(owner)} is up to date.")


@app.command()
def version() -> None:
    """Print Coco's version."""
    from importlib.metadata import version as installed

    typer.echo(installed("coco-engine"))


if __name__ == "__main__":
    app()
