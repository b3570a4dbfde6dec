"""The gateway's own connection to Temporal: its TLS and its API key, never the sandbox's metadata."""

from __future__ import annotations

import grpc
from temporalio.envconfig import ClientConfig
from temporalio.service import TLSConfig

from coco.settings import Settings
from sandbox.gateway.grpc_types import call
from sandbox.gateway.limits import MAX_MESSAGE_BYTES

_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    # A worker's own retries are the retries.
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
]


class Upstream:
    """Temporal as the gateway calls it. TLS, API key and metadata by the standard TEMPORAL_* variables."""

    def __init__(self, settings: Settings) -> None:
        profile = ClientConfig.load_client_connect_config()
        address = settings.temporal_address or "127.0.0.1:7233"
        tls = profile.get("tls")
        api_key = profile.get("api_key")
        if tls:
            config = tls if isinstance(tls, TLSConfig) else TLSConfig()
            options = [*_OPTIONS, *([("grpc.ssl_target_name_override", config.domain)] if config.domain else [])]
            credentials = grpc.ssl_channel_credentials(  # type: ignore[no-untyped-call]
                config.server_root_ca_cert, config.client_private_key, config.client_cert
            )
            self._channel = grpc.aio.secure_channel(address, credentials, options=options)
        else:
            self._channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
        self._metadata: list[tuple[str, str]] = [("temporal-namespace", settings.temporal_namespace)]
        if api_key:
            self._metadata.append(("authorization", f"Bearer {api_key}"))
        for name, value in (profile.get("rpc_metadata") or {}).items():
            if isinstance(value, str) and name.lower() not in {"authorization", "temporal-namespace"}:
                self._metadata.append((name.lower(), value))

    async def call(self, method: str, request: bytes, timeout: float) -> bytes:  # noqa: ASYNC109
        """One call; cancelling it cancels it at Temporal. Raises grpc.aio.AioRpcError."""
        return await call(self._channel, method, request, timeout, self._metadata)

    async def close(self) -> None:
        await self._channel.close()
