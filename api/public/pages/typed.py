"""What somebody typed into a form that was refused, so that the page can give it back."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.datastructures import FormData

from coco.errors import InvalidInput


@dataclass(frozen=True)
class Typed:
    """One form of a page, by a name of the page's own, and its fields as they were sent."""

    form: str = ""
    message: str = ""
    """What was wrong."""
    fields: dict[str, list[str]] = field(default_factory=dict)

    def of(self, form: str, name: str, otherwise: object = "") -> object:
        """The text typed into that form's field, or what it has otherwise."""
        return self.fields.get(name, [""])[0] if form == self.form else otherwise

    def every(self, form: str, name: str, otherwise: list[str]) -> list[str]:
        """The same for a field that has several values."""
        return self.fields.get(name, []) if form == self.form else otherwise


NOTHING = Typed()


def typed(name: str, form: FormData, message: str) -> Typed:
    """The form as it was sent, without its token."""
    names = {key for key in form if key != "csrf"}
    return Typed(name, message, {key: [str(item) for item in form.getlist(key)] for key in names})


def whole(form: FormData, name: str, title: str) -> int:
    """A field's whole number. Raises InvalidInput."""
    value = form.get(name, "")
    text = value.strip() if isinstance(value, str) else ""
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise InvalidInput(f"{title}: a whole number")
    return int(text)
