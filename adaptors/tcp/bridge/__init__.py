"""The native TCP bridge: sockets to and from streaming deliveries. Decisions: `adaptors.tcp.control`."""

import skrouter.amqp._proton  # noqa: F401  (makes proton's symbols global before a native module needs them)
