"""What a connector declares besides its operations: scopes, how it is signed in to, how often it may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from coco.requests import Frozen

Scheme = Literal["bearer", "header", "password", "signature"]


class Exchange(Frozen):
    """A call that gives an access token for a user name and password, for providers whose tokens nothing else renews.

    The gateway makes it, when an account is connected and each time its token ends: `path`, below the connection's own
    address, is posted `{username, password}` and answers `{jwt}`.
    """

    path: Annotated[str, Field(pattern=r"^/[a-z/]{1,80}$")]
    seconds: Annotated[int, Field(gt=0)]
    """How long a token lasts, where it does not say so itself."""
    source: str
    """Address of the provider's page that says so."""


class Auth(Frozen):
    """How a connection's credential is put on a request. The gateway does it; no connector's code sees a secret."""

    scheme: Scheme
    """bearer: `Authorization: Bearer ...`. header: the key alone, in `header`. password: user name and password, in
    the protocol's own sign-in. signature: an HMAC of time and body, in `header`."""
    header: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,64}$")] = ""
    label: str = "Access token"
    """What the provider calls the secret, for the connect page."""
    where: str = ""
    """Where the person finds it, in one sentence."""
    exchange: Exchange | None = None
    """Beside a token of the person's own: what gives one for a user name and password."""

    @property
    def username(self) -> Literal["needed", "optional", "none"]:
        """Whether a user name goes with the secret."""
        if self.scheme == "password":
            return "needed"
        return "none" if self.exchange is None else "optional"

    @model_validator(mode="after")
    def _names_its_header(self) -> Auth:
        if (self.scheme in {"header", "signature"}) != bool(self.header):
            raise ValueError("header and signature name their header; bearer and password have the protocol's own")
        return self


class Scope(Frozen):
    """One permission of the provider's, as a person is asked for it."""

    name: str
    """The provider's own name, where it has one for just this."""
    asked_as: str | None = None
    """What its sign-in page is asked for instead, where one permission of its covers both reading and writing."""
    allows: str
    """In plain words, as in "Read your contacts"."""
    access: Literal["read", "write"]
    preselected: bool = False
    """Part of the minimum subset that is chosen for a person who chooses nothing. Only reads are."""


class OAuth2(Frozen):
    """Authorization code with PKCE (RFC 6749, RFC 7636), for providers that offer it beside or instead of keys."""

    authorize_url: str
    token_url: str
    revoke_url: str = ""
    extra: dict[str, str] = {}
    """Parameters that the provider's authorization page needs besides the standard ones."""
    scope_separator: str = " "
    always: tuple[str, ...] = ()
    """Scopes asked for whatever a person chose, such as the one that lets a sign-in be renewed."""


class RateLimit(Frozen):
    """How often one connection may be asked, by the provider's published limit."""

    requests: Annotated[int, Field(gt=0)]
    seconds: Annotated[float, Field(gt=0)]
    not_carried_out: bool = False
    """The provider documents that a request over the limit, answered with 429, is not carried out: so it may safely be
    sent again. Where that is not said, the outcome of such a request is unknown."""
    source: str = ""
    """Address of the provider's page that publishes the limit; says "none published" and why where there is none."""


class Check(Frozen):
    """The safe call that tells whether a credential works: a read of the manifest, with its arguments."""

    operation: str
    arguments: Mapping[str, Any] = {}


BEARER = Auth(scheme="bearer")
PASSWORD = Auth(scheme="password", label="Password")
