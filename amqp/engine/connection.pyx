"""What every part of an AMQP connection may do to it: wake it, note why it ends, fail it.
"""

from libc.string cimport strncpy
from posix.unistd cimport close

from skrouter.amqp.engine.model cimport (
    CLOSE_TIME,
    PHASE_AMQP,
    PHASE_HANDSHAKE,
    TEXT_SIZE,
    connection_t,
    protocol_t,
)
from skrouter.amqp.engine.poller cimport engine_arm, engine_defer
from skrouter.amqp.engine.proton_api cimport *
from skrouter.amqp.engine.stream cimport stream_reason


cdef void connection_wake(connection_t *connection) noexcept nogil:
    """Something waits to be given to proton, or proton has output: look at it at the end of the pass."""
    engine_defer(connection.engine, &connection.task)


cdef void set_reason(connection_t *connection, const char *condition, const char *description) noexcept nogil:
    """Keep the first reason only: what follows is its consequence."""
    if connection.condition[0] != 0:
        return
    strncpy(connection.condition, condition, TEXT_SIZE - 1)
    if description != NULL:
        strncpy(connection.description, description, TEXT_SIZE - 1)


cdef void connection_fail(connection_t *connection, const char *condition, const char *description) noexcept nogil:
    """Close with an error: the peer gets a close frame where AMQP has begun, then the end of the stream."""
    cdef pn_condition_t *local
    set_reason(connection, condition, description)
    if connection.phase == PHASE_AMQP:
        local = pn_connection_condition(connection.pn)
        if not pn_condition_is_set(local):
            pn_condition_set_name(local, connection.condition)
            pn_condition_set_description(local, connection.description)
        if not connection.opened:
            pn_connection_open(connection.pn)
            connection.opened = True
        pn_connection_close(connection.pn)
        connection.close_due = not connection.guard.opened
        engine_arm(connection.engine, &connection.alarm, connection.engine.now + CLOSE_TIME)
    elif connection.phase != PHASE_HANDSHAKE:
        connection.broken = True
    connection.closing = True
    connection_wake(connection)


cdef void connection_broken(connection_t *connection) noexcept nogil:
    """The socket failed: keep its reason and let the task end the connection."""
    cdef char reason[TEXT_SIZE]
    stream_reason(&connection.stream, reason, TEXT_SIZE)
    set_reason(connection, b"amqp:connection:framing-error", reason)
    connection.broken = True
    connection_wake(connection)


cdef object text_or_none(const char *text):
    return None if text == NULL else text.decode("utf-8", "replace")


cdef protocol_t *protocol_of(connection_t *connection) noexcept nogil:
    return <protocol_t *>connection.engine.protocol
