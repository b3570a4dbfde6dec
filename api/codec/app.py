"""The codec server's app: the Temporal UI's remote codec protocol, for operators only.

`POST /decode` takes and gives `temporal.api.common.v1.Payloads` as protobuf JSON. Nobody who is not signed in as an
operator learns anything from it, not even whether a payload is well-formed; and each decryption is on the chain of the
user whose payloads were read.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from uuid import UUID

from fastapi import FastAPI, Request
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from temporalio.api.common.v1 import Payload, Payloads

from api import errors
from api.operator_pages import plain_page, sign_in_router
from api.operators import Operator, Operators
from api.origins import LOOPBACK, Origins, origin_of
from coco.audit import AuditKind
from coco.canonical import parse_json
from coco.errors import CocoError, Code, InvalidInput, NotFound, Refused
from coco.keys import MasterKey, UserKeys
from coco.payloads import decrypt, is_encrypted, user_of
from coco.settings import Settings
from store import audit, keys
from store.database import Database

MAX_BYTES = 24_000_000
"""A page of history in base64: Temporal's own limit for a payload is 2 MB."""
MAX_PAYLOADS = 2000


def ui_origins(settings: Settings) -> list[str]:
    """The Temporal UI's origin, as browsers send it."""
    if settings.temporal_ui_url:
        return [origin_of(settings.temporal_ui_url)]
    return [f"http://{host}:{settings.temporal_ui_port}" for host in LOOPBACK]


def create_codec_app(
    operators: Operators,
    api: Database,
    control: Database,
    master: MasterKey,
    origins: Origins,
    allowed: list[str],
) -> FastAPI:
    """`control` reads users' keys, `api` appends to their chains; `allowed` are the Temporal UI's origins."""
    app = FastAPI(title="Coco codec server", openapi_url=None, docs_url=None, redoc_url=None)
    errors.install(app)
    app.include_router(sign_in_router(operators, origins, "Coco codec server", lambda: "/"))
    app.add_middleware(
        CORSMiddleware,
        allow_origins=allowed,
        allow_credentials=True,
        allow_methods=["POST"],
        allow_headers=["authorization", "authorization-extras", "content-type", "x-namespace"],
    )

    @app.get("/")
    async def signed_in(request: Request) -> HTMLResponse:
        """Says whether this browser is signed in."""
        try:
            who = await operators.identify(request)
        except CocoError:
            return plain_page("Coco codec server", "<p><a href='/login'>Sign in</a></p>", status=401)
        return plain_page(
            "Coco codec server",
            f"<p>Signed in as {escape(who.email)}. The Temporal UI can show histories now; each decryption is noted on "
            "the owner's audit chain.</p><p>Where it still shows ciphertext: the glasses at its top right, <em>Use my "
            "browser setting</em>, this address, <em>Include cross-origin credentials</em>.</p>"
            "<form method='post' action='/logout'><button>Sign out</button></form>",
        )

    @app.post("/decode")
    async def decode(request: Request) -> Response:
        """Payloads, decrypted where they can be and as they came where they cannot."""
        who = await operators.identify(request)
        origin = request.headers.get("origin")
        if origin is not None and origin not in allowed and not origins.is_own(origin):
            raise Refused("This page may not have histories decrypted.", code=Code.FORBIDDEN)
        given = await _payloads(request)
        ring = await _keys(control, master, given)
        opened: Counter[UUID] = Counter()
        answer = Payloads(payloads=[_opened(item, ring, opened) for item in given.payloads])
        # On the chain first: what is not noted is not shown.
        for user_id, count in sorted(opened.items()):
            await _note(api, who, user_id, count, request)
        return JSONResponse(MessageToDict(answer))

    @app.post("/encode")
    async def encode(request: Request) -> Response:
        """Refused: nothing is put into a run from the Temporal UI."""
        await operators.identify(request)
        raise Refused("This server decodes only; nothing is put into a run from here.", code=Code.FORBIDDEN)

    return app


async def _payloads(request: Request) -> Payloads:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        # Only a request that browsers ask leave for first may carry an operator's cookie here.
        raise InvalidInput("content-type: application/json")
    body = parse_json(await request.body())
    if not isinstance(body, dict):
        raise InvalidInput("body: payloads as protobuf JSON")
    try:
        given = ParseDict(body, Payloads())
    except (ParseError, ValueError) as error:
        raise InvalidInput("body: payloads as protobuf JSON") from error
    if len(given.payloads) > MAX_PAYLOADS:
        raise InvalidInput(f"body: at most {MAX_PAYLOADS} payloads")
    return given


async def _keys(control: Database, master: MasterKey, given: Payloads) -> dict[UUID, UserKeys]:
    """The payload keys of every user that the payloads name and that has some."""
    users = set()
    for item in given.payloads:
        metadata = _metadata(item)
        if is_encrypted(metadata):
            try:
                users.add(user_of(metadata))
            except InvalidInput:
                continue
    ring = {}
    for user_id in users:
        try:
            async with control.user(user_id) as session:
                ring[user_id] = await keys.load(session, user_id, keys.PAYLOAD, master)
        except NotFound:
            continue
    return ring


def _metadata(item: Payload) -> dict[str, bytes]:
    """As a plain mapping: looking up a missing key in a protobuf map would add it."""
    return dict(item.metadata)


def _opened(item: Payload, ring: dict[UUID, UserKeys], opened: Counter[UUID]) -> Payload:
    metadata = _metadata(item)
    if not is_encrypted(metadata):
        return item

    def lookup(user_id: UUID) -> UserKeys:
        found = ring.get(user_id)
        if found is None:
            raise NotFound("this user has no keys")
        return found

    try:
        inner = Payload.FromString(decrypt(metadata, item.data, lookup))
    except (CocoError, DecodeError):
        return item
    opened[user_of(metadata)] += 1
    return inner


async def _note(api: Database, who: Operator, user_id: UUID, count: int, request: Request) -> None:
    body = {
        "operator": str(who.user_id),
        "payloads": count,
        "namespace": request.headers.get("x-namespace", "")[:200],
    }
    async with api.user(user_id) as session:
        await audit.append(session, user_id, AuditKind.HISTORY_READ, actor=f"operator:{who.user_id}", body=body)
