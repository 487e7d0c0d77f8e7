"""VanFlow: what a router tells collectors of itself and of its traffic. Its I/O: net/telemetry.py."""
