"""Connecting to Temporal: the embedded dev server, a cluster, or Temporal Cloud."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.envconfig import ClientConfig

from coco.settings import Settings


async def connect(settings: Settings, converter: DataConverter, *, lazy: bool = False) -> Client:
    """A client for the configured Temporal. TLS, API key and profile come from the standard TEMPORAL_* variables.

    Raises RuntimeError (from the SDK) when the server cannot be reached, unless `lazy`.
    """
    profile = ClientConfig.load_client_connect_config()
    return await Client.connect(
        settings.temporal_address or "127.0.0.1:7233",
        namespace=settings.temporal_namespace,
        api_key=profile.get("api_key"),
        tls=profile.get("tls"),
        rpc_metadata=profile.get("rpc_metadata") or {},
        data_converter=converter,
        lazy=lazy,
    )
