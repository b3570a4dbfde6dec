"""Operators: who may see the internal app and have histories decrypted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from starlette.requests import HTTPConnection
from starlette.responses import Response

from api.passwords import Passwords
from api.throttle import Throttle, sign_in_limits
from api.tokens import OPERATOR, Identity, Tokens, not_signed_in
from coco.errors import Code, Refused
from coco.keys import MasterKey
from store import accounts
from store.database import Database
from store.tables import utc_now

SESSION_HOURS = 8
COOKIE = "coco_operator"


@dataclass(frozen=True)
class Operator:
    identity: Identity
    email: str

    @property
    def user_id(self) -> UUID:
        return self.identity.user_id


class Operators:
    """Signs operators in for some hours, without refresh; being one is looked up at every request."""

    def __init__(self, database: Database, master: MasterKey, passwords: Passwords | None = None) -> None:
        """`database` is connected as the API's role."""
        self._database = database
        self._tokens = Tokens(master, audience=OPERATOR, access_seconds=SESSION_HOURS * 3600)
        self._passwords = passwords or Passwords()
        self._throttle = Throttle()

    async def sign_in(self, email: str, password: str, address: str) -> str:
        """A bearer token. Raises Refused alike for a wrong password and for somebody who is no operator."""
        email = email.strip().lower()
        limits = sign_in_limits(email, address)
        self._throttle.check(limits)
        found = await accounts.credentials(self._database, email) if "\0" not in email else None
        good = await self._passwords.matches(password, found.password_hash if found else None)
        if not good or found is None or not found.is_operator:
            self._throttle.count(limits)
            if found is not None:
                async with self._database.user(found.user_id) as session:
                    await accounts.note_failed_sign_in(session, found.user_id, address)
            raise Refused("This address and password open nothing here.", code=Code.UNAUTHENTICATED)
        self._throttle.clear(limits[0])
        session_id = uuid4()
        # The session's refresh token is thrown away: an operator's sign-in ends when it ends.
        _, refresh_sha256 = self._tokens.refresh(found.user_id, session_id)
        expires = utc_now() + timedelta(hours=SESSION_HOURS)
        async with self._database.user(found.user_id) as session:
            await accounts.open_session(session, found.user_id, session_id, refresh_sha256, expires, address)
        return self._tokens.access(found.user_id, session_id)

    async def identify(self, connection: HTTPConnection) -> Operator:
        """Who calls, by bearer token or cookie. Raises Refused (UNAUTHENTICATED)."""
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            token = connection.cookies.get(COOKIE, "")
        identity = self._tokens.verified(token.strip())
        async with self._database.user(identity.user_id) as session:
            if not await accounts.is_live(session, identity.user_id, identity.session_id):
                raise not_signed_in()
            user = await accounts.profile(session, identity.user_id)
        if not user.is_operator:
            raise not_signed_in()
        return Operator(identity, user.email)

    async def sign_out(self, operator: Operator) -> None:
        async with self._database.user(operator.user_id) as session:
            await accounts.end_session(session, operator.user_id, operator.identity.session_id)

    def remember(self, response: Response, token: str, *, secure: bool) -> None:
        response.set_cookie(
            COOKIE, token, max_age=SESSION_HOURS * 3600, path="/", httponly=True, samesite="strict", secure=secure
        )
