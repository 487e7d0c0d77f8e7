"""Native face of the connection table: rows for management, made when somebody asks."""

from skrouter.adaptors.tcp.bridge.model cimport bridge_t

# One tuple for each TCP connection, newest first: see Connection in bridge.pyi.
cdef list connection_rows(bridge_t *bridge)
