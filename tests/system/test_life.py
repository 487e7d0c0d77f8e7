"""Start and stop of the daemon: status, texts, speed (texts §1 and §2, router-config §1)."""

import signal
import socket
import time

import pytest
from skrouter_testing.amqp_client import Client
from skrouter_testing.process import HOST, RouterProcess, free_port, section
from skrouter_testing.router_line import RouterLine


def standalone(**attributes):
    return section("router", mode="standalone", id="S", **attributes)


def clients(port, **attributes):
    return section("listener", name="clients", host=HOST, port=port, **attributes)


def failed(router: RouterProcess) -> str:
    """What a daemon that must not start prints; its status has to be 1."""
    router.start(ready=False)
    assert router.wait_exit("refuse to start") == 1, router.log
    return router.log


def test_operational_line_comes_when_every_listener_is_open(routers):
    ports = [free_port() for _ in range(4)]
    text = standalone() + "".join(
        section("listener", name=f"l{n}", host=HOST, port=port) for n, port in enumerate(ports)
    )
    router = routers.start("S", text)

    for port in ports:
        socket.create_connection((HOST, port), 1).close()
    (line,) = router.found("SERVER (info) Operational,", f"(process ID {router.pid})")
    assert "Threads Running" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a5_stop_right_after_operational_is_orderly_and_prompt(routers, number):
    router = routers.start("S", standalone() + clients(free_port()))
    started = time.monotonic()

    router.process.send_signal(number)

    assert router.wait_exit() == 0
    assert time.monotonic() - started < 2.0


def test_a5_sigint_ends_by_the_signal_itself(routers):
    router = routers.start("S", standalone() + clients(free_port()))
    router.process.send_signal(signal.SIGINT)
    assert router.wait_exit() == -signal.SIGINT


def test_a5_hangup_is_ignored_and_stop_still_works(routers):
    port = free_port()
    router = routers.start("S", standalone() + clients(port))

    router.process.send_signal(signal.SIGHUP)

    with Client(port):
        assert router.running
    assert router.stop() == 0


def test_a5_stop_with_busy_clients_and_neighbors_is_prompt_and_clean(routers):
    line = RouterLine(routers, "AB").start()
    with Client(line.ports["A"]) as here, Client(line.ports["B"]) as there:
        there.receiver("q", answer=None)
        sender = here.sender("q")
        sender.wait_credit()
        for number in range(50):
            sender.send(b"\x00\x53\x77\x54" + bytes((number,)))
        started = time.monotonic()
        assert line["B"].stop() == 0
        assert line["A"].stop() == 0
        assert time.monotonic() - started < 4.0
    assert not line["A"].found("Traceback")
    assert not line["B"].found("Traceback")


def test_a4_required_listener_whose_port_is_taken_ends_the_start(routers):
    with socket.create_server((HOST, free_port())) as taken:
        port = taken.getsockname()[1]
        log = failed(routers.add("S", standalone() + clients(port)))

    assert f"SERVER (critical) Shutting down, required listener failed {HOST}:{port}" in log
    assert "ROUTER (critical) Router start-up failed:" in log


def test_port_is_free_again_after_a_stop(routers):
    router = routers.start("S", standalone() + clients(free_port()))
    for _ in range(3):
        assert router.stop() == 0
        router.start()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("router {\n  mode: interior\n  id: a|b\n}\n", ["Router id attribute containing character"]),
        (standalone(workerThreadz=3), ["ValidationError", "workerThreadz"]),
        (standalone() + clients(1, role="inter-router"), ["role", "inter-router", "standalone"]),
        (standalone() + clients(1, cost=0), ["cost", "0"]),
        (standalone() + clients(1, maxFrameSize=100), ["maxFrameSize", "512"]),
        (standalone() + clients(1, maxSessions=40000), ["maxSessions", "32768"]),
        (standalone() + clients(1, sslProfile="none"), ["sslProfile", "none"]),
        ("router {\n  id: a\n", ["router"]),
        ("", ["empty"]),
    ],
    ids=["id", "attribute", "role", "cost", "maxFrameSize", "maxSessions", "sslProfile", "syntax", "empty"],
)
def test_a4_wrong_configuration_ends_the_start_and_names_place_and_value(routers, text, parts):
    log = failed(routers.add("S", text))
    for part in parts:
        assert part in log
    assert "Traceback" not in log


def test_a4_missing_configuration_file_ends_the_start(routers):
    router = routers.add("S", "")
    router.config.unlink()
    assert "Configuration file could not be opened" in failed(router)


def test_all_wrong_attributes_are_told_at_once(routers):
    text = standalone() + clients(1, cost=0) + section("connector", name="c", host=HOST, maxFrameSize=5)
    log = failed(routers.add("S", text))
    assert "cost" in log
    assert "maxFrameSize" in log


def test_connector_without_peer_tells_and_tries_on(routers):
    port = free_port()
    text = section("router", mode="interior", id="A") + section(
        "connector", name="c", host=HOST, port=port, role="inter-router"
    )
    router = routers.start("A", text)

    line = router.wait_line("SERVER (error)", f"Connection to {HOST}:{port} failed")

    assert "refused" in line
    assert router.stop() == 0


def test_a7_lines_of_the_log_have_the_form_that_scripts_read(routers):
    router = routers.start("S", standalone() + clients(free_port()))
    router.stop()
    for line in router.lines:
        words = line.split(" ")
        assert len(words[0]) == 10 and len(words[1]) == 15 and len(words[2]) == 5, line
        assert words[3].isupper() and words[4] in ("(info)", "(warning)", "(error)", "(critical)"), line
