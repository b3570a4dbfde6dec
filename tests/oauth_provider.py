"""A provider's OAuth side, as a process of its own: an authorization server (RFC 6749, RFC 7636) and a HubSpot API that
knows its access tokens.

`python -m tests.oauth_provider STATE_FILE` listens on a free loopback port, writes its address to the state file, and
takes instructions at /control. It is strict where the standards are: exact redirect addresses, S256 alone, codes and
(rotated) refresh tokens used once, a client that authenticates.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID, CLIENT_SECRET = "coco-client", "client-secret-of-the-deployment"


class Provider:
    """What it knows."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.codes: dict[str, dict[str, Any]] = {}
        self.access: dict[str, dict[str, Any]] = {}
        self.refresh: dict[str, list[str]] = {}
        self.log: list[dict[str, Any]] = []
        self.life = 3600
        self.grant: list[str] | None = None
        """Scopes that the person agrees to; None: all that were asked for."""
        self.more: list[str] = []
        """Scopes that come along with them, as where somebody had agreed to more at another time."""
        self.lost: list[str] = []
        """Scopes that a renewal does not give any more: an administrator has taken them away meanwhile."""
        self.slow = 0.0

    def authorize(self, query: dict[str, str]) -> str | None:
        """Where the browser goes back to; None for a request that is not answered."""
        if query.get("response_type") != "code" or query.get("client_id") != CLIENT_ID:
            return None
        if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            return query["redirect_uri"] + "?" + urlencode({"error": "invalid_request", "state": query["state"]})
        code = secrets.token_urlsafe(24)
        asked = query.get("scope", "").split()
        self.codes[code] = {
            "redirect_uri": query["redirect_uri"],
            "challenge": query["code_challenge"],
            "scopes": [item for item in asked if self.grant is None or item in self.grant] + self.more,
            "until": time.time() + 60,
        }
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"]})

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """RFC 6749, sections 4.1.3 and 6."""
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "authorization_code":
            known = self.codes.pop(form.get("code", ""), None)
            verifier = form.get("code_verifier", "")
            hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
            if (
                known is None
                or known["until"] < time.time()
                or known["redirect_uri"] != form.get("redirect_uri")
                or not secrets.compare_digest(hashed, known["challenge"])
            ):
                return 400, {"error": "invalid_grant"}
            return 200, self.issue(known["scopes"])
        if form.get("grant_type") == "refresh_token":
            scopes = self.refresh.pop(form.get("refresh_token", ""), None)
            if scopes is None:
                return 400, {"error": "invalid_grant"}
            return 200, self.issue([item for item in scopes if item not in self.lost])
        return 400, {"error": "unsupported_grant_type"}

    def issue(self, scopes: list[str]) -> dict[str, Any]:
        access, refresh = f"access-{secrets.token_urlsafe(24)}", f"refresh-{secrets.token_urlsafe(24)}"
        self.access[access] = {"scopes": scopes, "until": time.time() + self.life}
        self.refresh[refresh] = scopes
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.life,
            "refresh_token": refresh,
            "scope": " ".join(scopes),
        }

    def allowed(self, header: str, scope: str) -> int:
        """200, 401 or 403 for a call with this Authorization header that needs the scope."""
        known = self.access.get(header.removeprefix("Bearer "))
        if known is None or known["until"] < time.time():
            return 401
        return 200 if scope in known["scopes"] else 403

    def control(self, order: dict[str, Any]) -> dict[str, Any]:
        for name in ("life", "grant", "more", "lost", "slow"):
            if name in order:
                setattr(self, name, order[name])
        if order.get("revoke"):
            self.access.clear()
            self.refresh.clear()
        if order.get("expire"):
            self.access.clear()
        return {"log": self.log, "access": list(self.access), "refresh": list(self.refresh)}


def handler_of(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("content-length", 0)))

        def _answer(self, status: int, body: Any, **headers: str) -> None:
            raw = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path == "/authorize":
                with provider.lock:
                    back = provider.authorize(query)
                self._answer(400, {}) if back is None else self._answer(302, {}, location=back)
            elif parts.path.startswith("/crm/v3/objects/"):
                kind = parts.path.split("/")[4]
                with provider.lock:
                    status = provider.allowed(self.headers.get("authorization", ""), f"crm.objects.{kind}.read")
                    provider.log.append({"path": parts.path, "status": status})
                self._answer(status, {"results": []} if status == 200 else {"status": "error", "message": "no"})
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self._body()
            if self.path == "/control":
                with provider.lock:
                    self._answer(200, provider.control(json.loads(body)))
                return
            if self.path == "/token":
                form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                time.sleep(provider.slow)
                with provider.lock:
                    status, told = provider.token(form)
                    provider.log.append({"path": "/token", "grant": form.get("grant_type"), "status": status})
                self._answer(status, told)
                return
            if self.path.startswith("/crm/v3/objects/"):
                kind = self.path.split("/")[4]
                with provider.lock:
                    status = provider.allowed(self.headers.get("authorization", ""), f"crm.objects.{kind}.read")
                    provider.log.append({"path": self.path, "status": status})
                self._answer(status, {"total": 0, "results": []} if status == 200 else {"status": "error"})
                return
            self._answer(404, {})

    return Handler


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(Provider()))
    server.daemon_threads = True
    path = Path(sys.argv[1])
    partial = path.with_suffix(".new")
    partial.write_text(f"http://127.0.0.1:{server.server_address[1]}")
    partial.replace(path)
    server.serve_forever()


if __name__ == "__main__":
    main()
