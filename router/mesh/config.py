"""Identity and timers of a router in the mesh, as the router entity of the configuration gives them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeshConfig:
    """`instance` is the Unix time of the router's start. Timers in seconds, but the hold-off counts ticks."""

    router_id: str
    instance: int
    hello_interval: float = 1.0
    hello_max_age: float = 3.0
    ra_interval: float = 30.0
    ra_interval_flux: float = 4.0
    remote_ls_max_age: float = 60.0
    unreachable_holdoff: int = 1
