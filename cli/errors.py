"""Mistakes that a person can put right: one line on standard error that says what to do, and exit code 1."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from coco.errors import CocoError


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
