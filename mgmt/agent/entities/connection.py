"""connection: open connections, AMQP and TCP. The only operational type that can be changed."""

from collections.abc import Mapping
from typing import Any

from skrouter.amqp.types import Int, Long, UInt, ULong
from skrouter.mgmt.agent.entities.entity import Column, CoreEntity, column, columns, constant
from skrouter.mgmt.agent.facts import ConnectionFacts
from skrouter.mgmt.agent.naming import long_name
from skrouter.mgmt.agent.status import BadRequestError, ForbiddenError, Status

PROTECTED_ROLES = frozenset({"inter-router", "inter-router-data", "edge", "inter-edge"})
"""Connections between routers: they are closed by removing their connector, not one by one."""

DISPATCH_HOST = "egress-dispatch"
"""Host of the connection that stands for a tcpConnector."""

NOT_ALLOWED = "You are not allowed to perform this operation."


def _identity(facts: ConnectionFacts) -> str:
    return str(facts.identity)


def _name(facts: ConnectionFacts) -> str:
    return f"connection/{facts.host}"


def _properties(facts: ConnectionFacts) -> object:
    """Only strings and integers of the peer's map are shown."""
    shown: dict[str, object] = {}
    for key, value in facts.properties.items():
        if isinstance(value, str):
            shown[str(key)] = str(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            shown[str(key)] = Int(value) if Int.LOW <= value <= Int.HIGH else Long(value)
    return shown


def changes_of(facts: ConnectionFacts, body: Mapping[str, Any]) -> dict[str, Any]:
    """The changes that an UPDATE asks for; other attributes are ignored.

    BadRequestError for a value that is none, ForbiddenError for closing a connection between routers.
    """
    changes: dict[str, Any] = {}
    if "adminStatus" in body:
        changes["adminStatus"] = _admin_status(facts, body["adminStatus"])
    if "enableProtocolTrace" in body:
        trace = body["enableProtocolTrace"]
        if not isinstance(trace, bool):
            raise BadRequestError(f"Bad Request: enableProtocolTrace must be true or false, not {trace!r}")
        changes["enableProtocolTrace"] = trace
    if not changes:
        raise BadRequestError
    return changes


def _admin_status(facts: ConnectionFacts, wanted: object) -> str:
    if wanted not in ("enabled", "deleted"):
        raise BadRequestError(f"Bad Request: adminStatus must be 'enabled' or 'deleted', not {wanted!r}")
    if wanted == "deleted" and (facts.role in PROTECTED_ROLES or facts.host == DISPATCH_HOST):
        raise ForbiddenError(NOT_ALLOWED)
    return str(wanted)


ENTITY = CoreEntity(
    type_name="connection",
    columns=(
        Column("name", _name),
        Column("identity", _identity),
        *columns("host localSocket role protocol dir container sasl isAuthenticated user"),
        *columns("isEncrypted sslProto sslCipher"),
        Column("properties", _properties),
        column("sslSsf", Long),
        constant("type", long_name("connection")),
        *columns("ssl opened active adminStatus operStatus"),
        *columns("uptimeSeconds lastDlvSeconds", UInt),
        *columns("enableProtocolTrace meshId"),
        column("tlsOrdinal", ULong),
        column("groupCorrelationId"),
        column("groupOrdinal", ULong),
    ),
    facts=lambda view: view.connections(),
    identity=_identity,
    name=_name,
    refused={"CREATE": Status.NOT_IMPLEMENTED, "DELETE": Status.FORBIDDEN},
    found_by_name=False,
    permit=changes_of,
)
