"""The native engine: poller, streams, TLS, frame guard and the proton pump. No routing, no Python object
per byte.
"""

import skrouter.amqp._proton  # noqa: F401  (makes proton's symbols global before a native module needs them)
