"""`coco keys`: the deployment's own keys, and those of users' key stores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.errors import Fix, settings
from cli.options import PasswordFile

app = typer.Typer(help="The deployment's own keys.", no_args_is_help=True)


@app.command()
def new(
    directory: Annotated[
        Path | None,
        typer.Option(
            help="Make every secret that docker-compose.yml mounts there; files that exist are never replaced."
        ),
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
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    for name, text in made.items():
        write_private(directory / name, text)
        # The directory is closed. A container's process, whatever its user, must read the one file mounted into it.
        (directory / name).chmod(0o444)
    typer.echo(f"Made {', '.join(made)} in {directory}. Keep a copy of master.key apart from the database's backups.")


@app.command()
def rotate(
    user: Annotated[str | None, typer.Option("--user", help="One account's address. Default: every account.")] = None,
    password_file: PasswordFile = None,
) -> None:
    """Give users' key stores a new key each. Sandboxes move to it by themselves; nothing is stopped.

    The old key goes once the sandbox has said that everything is encrypted with the new one: at once where it runs,
    else at its next start.
    """
    import psycopg

    from cli.owner import running_database
    from coco.deployment import master_key
    from store.key_rotation import rotate_keystore_keys

    configured = settings()
    master = master_key(configured)
    with running_database(configured, password_file=password_file) as owner, psycopg.connect(owner) as connection:
        rotated = rotate_keystore_keys(connection, master, user)
    if user is not None and not rotated:
        raise Fix(f"there is no account {user}")
    typer.echo(f"{len(rotated)} key {'store has' if len(rotated) == 1 else 'stores have'} a new key.")
