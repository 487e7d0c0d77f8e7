"""The router: pure core, mesh and vanflow, the native forwarder, and the asyncio shell that joins them."""
