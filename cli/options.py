"""What several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Email = Annotated[str, typer.Argument(help="The account's e-mail address.", show_default=False)]
PasswordFile = Annotated[
    str | None, typer.Option(help="File with the owner's password, for a DATABASE_URL without one.")
]
