"""One face for AMQP clients of different makers: what a scenario asks of any of them.

Belongs here: the face, and proton behind it. Does not: other makers (`rhea_client`), scenarios.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from proton import Data, Link, Message, symbol

from skrouter_testing.amqp_client import Arrival, Client, Outcome, Receiver, Sender, Sent

LONG = 1000
"""Characters: longer bodies are compared by length and hash."""

_FIELDS = {
    "to": "address",
    "reply_to": "reply_to",
    "subject": "subject",
    "correlation_id": "correlation_id",
    "group_id": "group_id",
    "content_type": "content_type",
    "priority": "priority",
    "durable": "durable",
    "application_properties": "properties",
    "message_annotations": "annotations",
    "delivery_annotations": "instructions",
}
_DEFAULTS: Mapping[str, object] = {"priority": 4, "durable": False}


@dataclass(frozen=True, slots=True)
class Long:
    """A body that is long: so many times the same text."""

    text: str
    times: int

    def as_seen(self) -> dict[str, object]:
        """What a receiver says of it."""
        whole = self.text * self.times
        return {"length": len(whole), "sha": hashlib.sha256(whole.encode()).hexdigest()}


@dataclass(frozen=True, slots=True)
class Mail:
    """A message; fields by their AMQP names with underscores. Fields that have their default are left out."""

    body: object = None
    fields: Mapping[str, object] = field(default_factory=dict)

    @staticmethod
    def of(body: object = None, **fields: object) -> Mail:
        """A message to send."""
        return Mail(body, fields)

    @property
    def seen(self) -> object:
        """The body as a receiver tells it."""
        return self.body.as_seen() if isinstance(self.body, Long) else self.body


def normal(fields: Mapping[str, object]) -> dict[str, object]:
    """Without fields that say nothing."""
    return {
        name: value
        for name, value in fields.items()
        if value not in (None, {}, "") and _DEFAULTS.get(name, None) != value
    }


class AnySent(Protocol):
    """A delivery on its way."""

    def outcome(self) -> Outcome:
        """How it ended."""


class AnyArrival(Protocol):
    """A delivery that came."""

    settled: bool

    @property
    def mail(self) -> Mail:
        """The message."""

    def settle(self, outcome: Outcome | str) -> None:
        """End it."""


class AnySender(Protocol):
    """A sending link; `address` is the one that the router named."""

    @property
    def address(self) -> str | None:
        """The target's address in the router's attach."""

    @property
    def credit(self) -> int:
        """Messages that the router takes now."""

    def wait_credit(self) -> None:
        """Until there is some."""

    def send(self, mail: Mail, *, settled: bool = False) -> AnySent:
        """Send a whole message."""

    def close(self) -> None:
        """Detach."""


class AnyReceiver(Protocol):
    """A receiving link."""

    @property
    def address(self) -> str | None:
        """The source's address in the router's attach."""

    def flow(self, credit: int) -> None:
        """Take more."""

    def drain(self) -> None:
        """Take what is there now and no more; until the router says that this was all."""

    def take(self, count: int = 1) -> list[AnyArrival]:
        """The next messages."""

    @property
    def waiting(self) -> int:
        """Messages that came and were not taken."""

    def close(self) -> None:
        """Detach."""


class AnyClient(Protocol):
    """One connection."""

    def __enter__(self) -> AnyClient: ...

    def __exit__(self, *_error: object) -> None: ...

    def sender(
        self,
        address: str | None,
        *,
        dynamic: bool = False,
        capabilities: tuple[str, ...] = (),
        settled: bool = False,
    ) -> AnySender:
        """Attach a sender. LinkRefusedError."""

    def receiver(self, address: str | None, *, dynamic: bool = False, credit: int = 100) -> AnyReceiver:
        """Attach a receiver. LinkRefusedError."""

    def kill(self) -> None:
        """End without a word."""


class LinkRefusedError(Exception):
    """The router has refused a link; `condition` says why."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition


# --- proton


def _to_proton(mail: Mail) -> Message:
    body: Any = mail.body.text * mail.body.times if isinstance(mail.body, Long) else mail.body
    message = Message(body=body)
    for name, value in mail.fields.items():
        if name == "ttl":
            message.ttl = float(value) / 1000  # type: ignore[arg-type]
        elif name in {"message_annotations", "delivery_annotations"}:
            setattr(message, _FIELDS[name], {symbol(key): item for key, item in value.items()})  # type: ignore[attr-defined]
        else:
            setattr(message, _FIELDS[name], value)
    return message


def _from_proton(message: Message) -> Mail:
    body = message.body
    if isinstance(body, str) and len(body) > LONG:
        body = Long(body, 1).as_seen()
    fields = {name: getattr(message, attribute) for name, attribute in _FIELDS.items()}
    for name in ("message_annotations", "delivery_annotations"):
        fields[name] = {str(key): value for key, value in (fields[name] or {}).items()}
    kind = str(fields["content_type"] or "")
    fields["content_type"] = None if kind == "None" else kind  # proton's text of a null symbol
    fields["ttl"] = round(message.ttl * 1000) or None
    return Mail(body, normal(fields))


class ProtonArrival:
    """One delivery."""

    def __init__(self, arrival: Arrival) -> None:
        self._arrival = arrival
        self.settled = arrival.settled

    @property
    def mail(self) -> Mail:
        return _from_proton(self._arrival.message)

    def settle(self, outcome: Outcome | str) -> None:
        self._arrival.settle(outcome)


class ProtonSender:
    """A sender of proton's library."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    @property
    def address(self) -> str | None:
        return self._sender.link.remote_target.address  # type: ignore[no-any-return]

    @property
    def credit(self) -> int:
        return self._sender.credit

    def wait_credit(self) -> None:
        self._sender.wait_credit()

    def send(self, mail: Mail, *, settled: bool = False) -> Sent:
        return self._sender.send(_to_proton(mail), settled=settled)

    def close(self) -> None:
        self._sender.close()


class ProtonReceiver:
    """A receiver of proton's library."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    @property
    def address(self) -> str | None:
        return self._receiver.link.remote_source.address  # type: ignore[no-any-return]

    def flow(self, credit: int) -> None:
        self._receiver.flow(credit)

    def drain(self) -> None:
        link = self._receiver.link
        self._receiver.client.call(lambda: link.drain(0))
        self._receiver.client.wait(lambda: link.credit == 0 and not link.draining(), "the drain to end")

    def take(self, count: int = 1) -> list[ProtonArrival]:
        return [ProtonArrival(arrival) for arrival in self._receiver.take(count)]

    @property
    def waiting(self) -> int:
        return len(self._receiver.arrivals) - self._receiver.taken

    def close(self) -> None:
        self._receiver.close()


class ProtonClient:
    """A connection of proton's library. Receivers settle nothing by themselves."""

    def __init__(self, port: int, **options: Any) -> None:
        self._client = Client(port, **options)

    def __enter__(self) -> ProtonClient:
        self._client.__enter__()
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def sender(
        self,
        address: str | None,
        *,
        dynamic: bool = False,
        capabilities: tuple[str, ...] = (),
        settled: bool = False,
    ) -> ProtonSender:
        options: dict[str, Any] = {"snd_settle_mode": Link.SND_SETTLED} if settled else {}
        sender = Sender(self._client, address, options)
        self._attach(sender, lambda link: _shape(link.target, dynamic, capabilities))
        return ProtonSender(sender)

    def receiver(self, address: str | None, *, dynamic: bool = False, credit: int = 100) -> ProtonReceiver:
        receiver = Receiver(self._client, address, credit, None, dynamic)
        self._attach(receiver, None)
        return ProtonReceiver(receiver)

    def _attach(self, link: Sender | Receiver, shape: Any) -> None:
        link.shape = shape
        self._client.call(link.open)
        self._client.wait(lambda: link.attached or link.trouble or self._client.trouble, "the attach")
        if not link.attached:
            self._client.wait(lambda: link.trouble or self._client.trouble, "the reason")
            trouble = link.trouble or self._client.trouble
            assert trouble is not None
            raise LinkRefusedError(trouble.condition, trouble.description)

    def kill(self) -> None:
        self._client.kill()


def _shape(terminus: Any, dynamic: bool, capabilities: tuple[str, ...]) -> None:
    terminus.dynamic = dynamic
    if capabilities:
        terminus.capabilities.put_array(False, Data.SYMBOL)
        terminus.capabilities.enter()
        for capability in capabilities:
            terminus.capabilities.put_symbol(capability)
        terminus.capabilities.exit()


def without(mail: Mail, *names: str) -> Mail:
    """A message without some of its fields."""
    return replace(mail, fields={name: value for name, value in mail.fields.items() if name not in names})
