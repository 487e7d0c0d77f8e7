"""Names of all error conditions the router sends or understands (AMQP 1.0 §2.8.15–2.8.18; reference names).

Belongs here: condition symbols. Does not: descriptions, and when a condition applies.
"""

from typing import Final

# AMQP 1.0 §2.8.15 amqp-error
INTERNAL_ERROR: Final = "amqp:internal-error"
NOT_FOUND: Final = "amqp:not-found"
UNAUTHORIZED_ACCESS: Final = "amqp:unauthorized-access"
DECODE_ERROR: Final = "amqp:decode-error"
RESOURCE_LIMIT_EXCEEDED: Final = "amqp:resource-limit-exceeded"
NOT_ALLOWED: Final = "amqp:not-allowed"
INVALID_FIELD: Final = "amqp:invalid-field"
NOT_IMPLEMENTED: Final = "amqp:not-implemented"
RESOURCE_LOCKED: Final = "amqp:resource-locked"
PRECONDITION_FAILED: Final = "amqp:precondition-failed"
RESOURCE_DELETED: Final = "amqp:resource-deleted"
ILLEGAL_STATE: Final = "amqp:illegal-state"
FRAME_SIZE_TOO_SMALL: Final = "amqp:frame-size-too-small"

# AMQP 1.0 §2.8.16 connection-error
CONNECTION_FORCED: Final = "amqp:connection:forced"
FRAMING_ERROR: Final = "amqp:connection:framing-error"
CONNECTION_REDIRECT: Final = "amqp:connection:redirect"

# AMQP 1.0 §2.8.17 session-error
SESSION_WINDOW_VIOLATION: Final = "amqp:session:window-violation"
SESSION_ERRANT_LINK: Final = "amqp:session:errant-link"
SESSION_HANDLE_IN_USE: Final = "amqp:session:handle-in-use"
SESSION_UNATTACHED_HANDLE: Final = "amqp:session:unattached-handle"
# Not in the standard; the engine of the reference sends it (spec/captures/12).
SESSION_INVALID_FIELD: Final = "amqp:session:invalid-field"

# AMQP 1.0 §2.8.18 link-error
LINK_DETACH_FORCED: Final = "amqp:link:detach-forced"
LINK_TRANSFER_LIMIT_EXCEEDED: Final = "amqp:link:transfer-limit-exceeded"
LINK_MESSAGE_SIZE_EXCEEDED: Final = "amqp:link:message-size-exceeded"
LINK_REDIRECT: Final = "amqp:link:redirect"
LINK_STOLEN: Final = "amqp:link:stolen"

# Not in the standard; connections refused before or during authentication (spec/texts.md)
CONNECTION_POLICY_ERROR: Final = "amqp:connection:policy-error"

# Detach conditions of the reference (spec/routing-protocol.md §2)
NO_ROUTE_TO_DESTINATION: Final = "qd:no-route-to-dest"
ROUTED_LINK_LOST: Final = "qd:routed-link-lost"
FORBIDDEN: Final = "qd:forbidden"
CONNECTION_ROLE: Final = "qd:connection-role"
LINK_EXPIRATION: Final = "qd:link-expiration"

# Conditions of the TCP adaptor (spec/tcp-adaptor.md §3.5)
DELIVERY_FAILED: Final = "delivery-failed"
PARENT_DELETED: Final = "Parent-deleted"
TLS_CONNECTION_FAILED: Final = "TLS-connection-failed"
