"""Traces of frames and of messages in the log of a live router (router-features.md A9, A10)."""

from __future__ import annotations

import re
import threading

from proton import Message, Transport
from proton.handlers import MessagingHandler
from proton.reactor import Container
from skrouter_testing.amqp_client import Client
from skrouter_testing.live_management import query
from skrouter_testing.managed import Managed
from skrouter_testing.process import HOST, Routers, free_port, section, wait_until

SECRET = re.compile(r"(initial-response|challenge|response)=\S+?(?=[,\]])")


class Talk(MessagingHandler):  # type: ignore[misc]  # proton has no types
    """A client that sends to itself through the router, and traces its own side."""

    def __init__(self, port: int, count: int, body: object) -> None:
        super().__init__()
        self.port, self.count, self.body = port, count, body
        self.lines: list[str] = []
        self._sent = self._got = 0

    def run(self) -> list[str]:
        thread = threading.Thread(target=Container(self).run, daemon=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        return self.lines

    def on_start(self, event):
        self.connection = event.container.connect(f"{HOST}:{self.port}", reconnect=False)
        event.container.create_receiver(self.connection, "traced")
        self.sender = event.container.create_sender(self.connection, "traced")

    def on_connection_bound(self, event):
        event.transport.trace(Transport.TRACE_FRM)
        event.transport.tracer = lambda _, text: self.lines.append(text)

    def on_sendable(self, event):
        while event.sender.credit and self._sent < self.count:
            self._sent += 1
            event.sender.send(Message(body=self.body, subject=f"number {self._sent}"))

    def on_message(self, _event):
        self._got += 1
        if self._got == self.count:
            self.connection.close()


def mirrored(line: str) -> str:
    """What the other side's trace has for it."""
    text = line.partition("FRAME: ")[2]
    text = text.replace("->", "<|").replace("<-", "->").replace("<|", "<-")
    return SECRET.sub(r"\1=(hidden)", text)


def standalone(port: int, *logs: str, **listener: object) -> str:
    text = section("router", mode="standalone", id="S")
    text += section("listener", name="clients", host=HOST, port=port, **listener)
    return text + "".join(logs)


def log(module: str, enable: str) -> str:
    return section("log", module=module, enable=enable)


def traced(lines: list[str], arrow: str) -> list[str]:
    return [line for line in lines if f" {arrow} " in f" {line} " and "EOS" not in line]


def test_a9_a_router_traces_the_frames_that_its_peer_traces(routers: Routers) -> None:
    port = free_port()
    router = routers.start("S", standalone(port, log("PROTOCOL", "debug+")))
    theirs = [mirrored(line) for line in Talk(port, 20, "x" * 40_000).run()]
    router.wait_line("PROTOCOL (debug) [C1]:FRAME:   -> EOS")
    ours = [line.partition("FRAME: ")[2] for line in router.found("PROTOCOL (debug) [C1]:FRAME: ")]
    ours = [SECRET.sub(r"\1=(hidden)", line) for line in ours]
    for arrow in ("->", "<-"):
        assert traced(ours, arrow) == traced(theirs, arrow)
    assert any("@transfer(20)" in line for line in ours)
    assert any("@sasl-init(65)" in line for line in ours)


def test_a9_one_connection_is_traced_on_request_whatever_the_levels_are(one: Managed) -> None:
    with Client(one.port) as client, Client(one.port) as other:
        client.receiver("traced-alone")
        (row,) = [
            row for row in query(one.port, "connection") if row["container"] == client.connection.container
        ]
        assert row["enableProtocolTrace"] is False
        mark = one.router.mark()
        identity = str(row["identity"])
        done = one.done("update", "--type", "connection", "--identity", identity, "enableProtocolTrace=true")
        assert isinstance(done, dict)
        assert done["enableProtocolTrace"] is True
        other.receiver("not-traced")
        client.sender("traced-alone").send(Message(body="x"))
        one.router.wait_line(f"PROTOCOL (debug) [C{identity}]:FRAME: ", "-> @transfer(20)", after=mark)
        one.done("update", "--type", "connection", "--identity", identity, "enableProtocolTrace=false")
        mark = one.router.mark()
        client.sender("traced-alone-no-more")
    assert one.router.found("FRAME", after=mark) == []
    assert one.router.found("not-traced") == []


def test_a8_a9_the_level_of_protocol_counts_at_once_for_connections_that_are_there(one: Managed) -> None:
    with Client(one.port) as client:
        client.receiver("level")
        one.done("update", "--type", "log", "--name", "log/PROTOCOL", "enable=debug+")
        mark = one.router.mark()
        client.sender("level-on")
        one.router.wait_line("FRAME: ", '<- @attach(18) [name="', "level-on", after=mark)
        one.done("update", "--type", "log", "--name", "log/PROTOCOL", "enable=info+")
        mark = one.router.mark()
        client.sender("level-off")
    assert one.router.found("FRAME", after=mark) == []


def test_a9_a_trace_that_cannot_keep_up_drops_frames_and_says_how_many(routers: Routers) -> None:
    port = free_port()
    router = routers.start("S", standalone(port, log("PROTOCOL", "debug+")))
    Talk(port, 4000, "x").run()
    router.wait_line("[C1]:FRAME:   -> EOS")
    lines = router.found("[C1]:FRAME: ")
    dropped = router.found("PROTOCOL (warning)", "frames were not traced")
    shown = sum("@transfer(20)" in line for line in lines)
    assert shown == 8000 or dropped
    assert router.memory().peak < 120 << 20


def test_a10_the_components_asked_for_are_logged_of_each_message(routers: Routers) -> None:
    port = free_port()
    text = standalone(
        port, log("MESSAGE", "debug+"), messageLoggingComponents="user-id,subject,app-properties"
    )
    router = routers.start("S", text)
    with Client(port) as client:
        receiver = client.receiver("logged")
        sender = client.sender("logged")
        sender.wait_credit()
        message = Message(body="x" * 100_000, subject="hello", user_id=b"testuser", properties={"n": 1})
        sender.send(message)
        receiver.take()
        shown = 'Message{user-id=b"testuser", subject="hello", app-properties={"n"=1}}'
        got = router.wait_line("MESSAGE (debug) [C1]: Received ", shown)
        router.wait_line("MESSAGE (debug) [C1]: Sent ", shown)
        assert got.endswith(f"on link '{sender.link.name}' ( -> logged)")
    assert len(router.found("Message{")) == 2
    assert router.found("FRAME") == []


def test_a10_all_components_of_a_connectors_messages_are_logged(routers: Routers) -> None:
    here, there = free_port(), free_port()
    routers.start(
        "A",
        section("router", mode="interior", id="A")
        + section("listener", host=HOST, port=here, role="inter-router"),
    )
    text = section("router", mode="interior", id="B") + log("MESSAGE", "debug+")
    text += section("connector", host=HOST, port=here, role="inter-router", messageLoggingComponents="all")
    text += section("listener", host=HOST, port=there)
    router = routers.start("B", text)
    router.wait_line("MESSAGE (debug) [C", "]: Received Message{to=", "qdhello", 'opcode"="HELLO"')
    router.wait_line("MESSAGE (debug) [C", "]: Sent Message{to=", "qdhello")


def test_a10_an_unknown_component_is_told_and_the_others_count(routers: Routers) -> None:
    port = free_port()
    text = standalone(port, log("MESSAGE", "debug+"), messageLoggingComponents="subject,colour")
    router = routers.start("S", text)
    router.wait_line("AGENT (warning)", "'colour' is no component of a message that can be logged")
    with Client(port) as client:
        sender = client.sender("io")
        client.receiver("io")
        sender.wait_credit()
        sender.send(Message(body="x", subject="s"))
        router.wait_line('Received Message{subject="s"}')
    wait_until(lambda: router.running, "the router")
