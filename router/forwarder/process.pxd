"""Native face of endpoints in this process."""

from skrouter.router.forwarder.model cimport link_ops_t

# Of a consumer in this process: messages go up as MessageReceived. It sends nothing.
cdef const link_ops_t *process_ops() noexcept nogil
