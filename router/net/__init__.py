"""The asyncio shell: engine events to machines, effects to the engine; sockets, timers, log.

Belongs here: I/O and its small pure helpers. Does not: routing, links, management.
"""
