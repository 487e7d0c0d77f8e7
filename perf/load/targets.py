"""What the load is put on: our routers, and nginx and HAProxy beside them as reference."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from load import configs
from load.cases import Group
from load.processes import BenchError, Processes, accepts, children, free_ports

NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a generator connects: senders and clients to `port`, receivers to `far_port`.

    `pids` are the processes whose CPU counts; none for the direct path.
    """

    name: str
    port: int
    far_port: int
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RouterProgram:
    """A router daemon under a name; any that reads skrouterd.conf can be measured beside ours."""

    name: str
    command: tuple[str, ...]


def start_targets(
    group: Group, processes: Processes, routers: list[RouterProgram], server: int
) -> list[Target]:
    """Start every target of a group side by side; `server` is the port of the server behind TCP targets."""
    hops = 2 if group.endswith("two") else 1
    start_router = _message_router if group.startswith("messages") else _tcp_router
    targets = [start_router(processes, router, hops, server) for router in routers]
    if group.startswith("tcp"):
        targets += [Target("direct", server, server, ()), *_references(processes, hops, server)]
    for target in targets:
        processes.wait_until(lambda port=target.port: accepts(port), target.name)  # type: ignore[misc]
    return targets


def start_router(processes: Processes, program: RouterProgram, identity: str, text: str) -> int:
    """Write a configuration and start a daemon on it; return its process id."""
    file = processes.directory / f"{program.name}-{identity}.conf"
    file.write_text(text)
    return processes.start(file.stem, (*program.command, "-c", str(file)))


def _message_router(processes: Processes, program: RouterProgram, hops: int, _server: int) -> Target:
    near, far, mesh = free_ports(3)
    if hops == 1:
        text = configs.router("one", "standalone", configs.amqp_listener(near))
        return Target(program.name, near, near, (start_router(processes, program, "one", text),))
    return _pair(
        processes, program, (near, far, mesh), configs.amqp_listener(near), configs.amqp_listener(far)
    )


def _tcp_router(processes: Processes, program: RouterProgram, hops: int, server: int) -> Target:
    near, mesh = free_ports(2)
    entry, exit_ = configs.tcp_listener(near), configs.tcp_connector(server)
    if hops == 1:
        text = configs.router("one", "interior", entry, exit_)
        return Target(program.name, near, near, (start_router(processes, program, "one", text),))
    return _pair(processes, program, (near, near, mesh), entry, exit_)


def _pair(
    processes: Processes, program: RouterProgram, ports: tuple[int, int, int], near: str, far: str
) -> Target:
    near_port, far_port, mesh = ports
    texts = {
        "A": configs.router("A", "interior", near, configs.mesh_listener(mesh)),
        "B": configs.router("B", "interior", far, configs.mesh_connector(mesh)),
    }
    pids = tuple(start_router(processes, program, identity, text) for identity, text in texts.items())
    return Target(program.name, near_port, far_port, pids)


def _references(processes: Processes, hops: int, server: int) -> Iterator[Target]:
    """Each reference proxy that is installed, chained as often as there are routers."""
    proxies: dict[str, Callable[[Processes, str, int, int], tuple[int, ...]]] = {
        "nginx": _nginx,
        "haproxy": _haproxy,
    }
    for name, start in proxies.items():
        if shutil.which(name) is None:
            continue
        upstream, pids = server, ()  # type: tuple[int, tuple[int, ...]]
        for hop in range(hops):
            (port,) = free_ports(1)
            pids += start(processes, f"{name}-{hop}", port, upstream)
            upstream = port
        yield Target(name, upstream, upstream, pids)


def _nginx(processes: Processes, name: str, port: int, upstream: int) -> tuple[int, ...]:
    if not Path(NGINX_STREAM).exists():
        raise BenchError(f"nginx is installed without {NGINX_STREAM}: install libnginx-mod-stream")
    directory = processes.directory / name
    directory.mkdir()
    file = directory / "nginx.conf"
    file.write_text(configs.nginx(port, upstream, str(directory), NGINX_STREAM))
    pid = processes.start(
        name, ("nginx", "-p", str(directory), "-e", str(directory / "nginx.log"), "-c", str(file))
    )
    processes.wait_until(lambda: accepts(port) and len(children(pid)) == 2, name)
    return tuple(children(pid))


def _haproxy(processes: Processes, name: str, port: int, upstream: int) -> tuple[int, ...]:
    file = processes.directory / f"{name}.cfg"
    file.write_text(configs.haproxy(port, upstream))
    return (processes.start(name, ("haproxy", "-db", "-f", str(file))),)
