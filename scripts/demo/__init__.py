"""The demo: two routers joined by mutual TLS, a TCP service and AMQP messages through both.

Run by `make demo`; `make demo KEEP=1` leaves it running. All its files are in `.demo/`.
"""

PATIENCE = 60.0
"""Seconds for any one step; each takes a few."""


class DemoError(Exception):
    """A step did not do what the demo is to show."""
