"""Configuration text of routers and reference proxies, as functions of their ports. Pure."""

HOST = "127.0.0.1"
ADDRESS = "bench"


def _section(kind: str, /, **attributes: object) -> str:
    lines = (f"    {attribute}: {value}" for attribute, value in attributes.items())
    return "\n".join((f"{kind} {{", *lines, "}", ""))


def router(identity: str, mode: str, *sections: str) -> str:
    """A skrouterd.conf: its router section, an error log of its own, and what else is given."""
    log = _section("log", module="DEFAULT", enable="warning+", outputFile=f"{identity}.log")
    return "".join((_section("router", mode=mode, id=identity), log, *sections))


def amqp_listener(port: int) -> str:
    """For clients. No authentication is asked for: the load is the matter here."""
    return _section(
        "listener",
        name="clients",
        host=HOST,
        port=port,
        role="normal",
        authenticatePeer="no",
        saslMechanisms="ANONYMOUS",
    )


def mesh_listener(port: int) -> str:
    return _section(
        "listener",
        name="mesh",
        host=HOST,
        port=port,
        role="inter-router",
        authenticatePeer="no",
        saslMechanisms="ANONYMOUS",
    )


def mesh_connector(port: int) -> str:
    return _section(
        "connector", name="mesh", host=HOST, port=port, role="inter-router", saslMechanisms="ANONYMOUS"
    )


def tcp_listener(port: int) -> str:
    return _section("tcpListener", name="service", host=HOST, port=port, address=ADDRESS)


def tcp_connector(port: int) -> str:
    return _section("tcpConnector", name="server", host=HOST, port=port, address=ADDRESS)


def nginx(port: int, upstream: int, directory: str, module: str) -> str:
    """One stream proxy in the foreground. Half close is off by default and bulk upload needs it."""
    return f"""\
load_module {module};
daemon off;
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log warn;
events {{ worker_connections 4096; }}
stream {{
    server {{
        listen {HOST}:{port} backlog=1024;
        proxy_pass {HOST}:{upstream};
        proxy_half_close on;
    }}
}}
"""


def haproxy(port: int, upstream: int) -> str:
    """One TCP proxy with two threads and splicing, its best setting for this."""
    return f"""\
global
    nbthread 2
    maxconn 4096
defaults
    mode tcp
    option splice-auto
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen bench
    bind {HOST}:{port} backlog 1024
    server server {HOST}:{upstream}
"""
