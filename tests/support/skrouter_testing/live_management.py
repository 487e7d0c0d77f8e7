"""Requests to the `$management` of live routers through proton's own blocking client: no code of ours."""

from __future__ import annotations

from typing import Any

from proton import Message
from proton.utils import BlockingConnection, SyncRequestResponse

TIMEOUT = 10.0


def request(
    port: int, body: Any, *, router: str | None = None, edge: str | None = None, **properties: Any
) -> Any:
    """The answer to one request to the router at the port or, through it, to another; whatever its status."""
    address = "$management" if router is None else f"_topo/0/{router}/$management"
    if edge is not None:
        address = f"_edge/{edge}/$management"
    connection = BlockingConnection(f"127.0.0.1:{port}", timeout=TIMEOUT)
    try:
        client = SyncRequestResponse(connection, address)
        return client.call(Message(properties=properties, body=body))
    finally:
        connection.close()


def query(
    port: int, entity: str, *, router: str | None = None, edge: str | None = None
) -> list[dict[str, Any]]:
    """All entities of a type as maps of attributes. AssertionError if the router refuses."""
    kind = f"io.skupper.router.{entity}"
    answer = request(
        port,
        {"attributeNames": []},
        router=router,
        edge=edge,
        operation="QUERY",
        type="org.amqp.management",
        name="self",
        entityType=kind,
    )
    assert answer.properties["statusCode"] == 200, (kind, answer.properties)
    names = answer.body["attributeNames"]
    return [dict(zip(names, row, strict=True)) for row in answer.body["results"]]
