"""The asyncio shell: engine events to machines, effects to the engine; listeners, connectors, timers. No decisions."""
