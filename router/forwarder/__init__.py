"""The native forwarder: links, deliveries, treatments, settlement. Decisions about links and addresses are
made in `core`.
"""

import skrouter.amqp._proton  # noqa: F401  (makes proton's symbols global before a native module needs them)
