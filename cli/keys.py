"""`coco keys`: the deployment's own keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import Fix

app = typer.Typer(help="The deployment's own keys.", no_args_is_help=True)


@app.command()
def new(
    directory: Annotated[
        Path | None,
        typer.Option(help="Write master.key, grant.pem, grant.pub and database-password there (new files only)."),
    ] = None,
) -> None:
    """Print a new master key; with --directory, make every secret that docker-compose.yml mounts."""
    from coco.keys import MasterKey

    if directory is None:
        typer.echo(MasterKey.generate())
        return
    import secrets

    from coco.grants import new_signing_key, public_key
    from coco.keys import write_private

    signing = new_signing_key()
    made = {
        "master.key": MasterKey.generate(),
        "grant.pem": signing,
        "grant.pub": public_key(signing),
        "database-password": secrets.token_urlsafe(32),
        "temporal-database-password": secrets.token_urlsafe(32),
    }
    there = [name for name in made if (directory / name).exists()]
    if there:
        raise Fix(f"{directory} holds {', '.join(there)} already, and keys in use are never replaced: name another one")
    for name, text in made.items():
        write_private(directory / name, text)
    typer.echo(f"Made {', '.join(made)} in {directory}. Keep a copy of master.key apart from the database's backups.")
