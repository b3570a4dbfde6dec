"""Mistakes that a person can put right: one line on standard error that says what to do, and exit code 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from coco.errors import CocoError

if TYPE_CHECKING:
    from coco.settings import Settings


class Fix(CocoError):
    """What is wrong on this machine or in a setting, and how to put it right."""


class Group(TyperGroup):
    """Shows every CocoError as its message alone; anything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CocoError as error:
            typer.echo(f"coco: {error}", err=True)
            raise typer.Exit(1) from None


def settings(**given: Any) -> Settings:
    """The settings; those given come before the environment's. Raises Fix that names the wrong one."""
    from pydantic import ValidationError

    from coco.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        # Without the value: it may be a secret.
        names = "; ".join(
            f"{variable(str(item['loc'][0]))}: {item['msg']}" for item in error.errors(include_input=False)
        )
        raise Fix(f"a setting cannot be used: {names}") from None


def variable(field: str) -> str:
    """The environment variable of a setting."""
    from coco.settings import Settings

    info = Settings.model_fields.get(field)
    alias = info.validation_alias if info is not None else None
    names = getattr(alias, "choices", None)
    return str(names[0]) if names else field if field.isupper() else f"COCO_{field.upper()}"
