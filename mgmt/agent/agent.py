"""The management agent of a router: one request in, one answer out.

Every request that says where to answer gets an answer; a fault of ours becomes code 500 and is handed to the
caller for the log. Which of the two ways of answering applies is decided in `Agent.handle`; see `core.py`,
`general.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from skrouter.amqp.codec import COMPOSER, REFERENCE, Conventions
from skrouter.amqp.errors import DecodeError
from skrouter.amqp.message import CONTROL_HEADER, Message, Properties, decode_message, encode_message
from skrouter.amqp.types import SizedInt
from skrouter.config.errors import ConfigError
from skrouter.config.schema import Schema, UnknownEntityTypeError
from skrouter.mgmt.agent.core import CoreAgent
from skrouter.mgmt.agent.creation import refusal_of
from skrouter.mgmt.agent.general import GeneralAgent
from skrouter.mgmt.agent.node import NodeOperations
from skrouter.mgmt.agent.request import Request
from skrouter.mgmt.agent.status import BadRequestError, ManagementError, Status
from skrouter.mgmt.agent.view import RouterControl, RouterView


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: where it goes, the encoded message, and what the log of module AGENT should say at error."""

    to: str
    content: bytes
    status: int
    log_text: str | None = None
    fault: Exception | None = None
    """Set where the agent or the router behind it failed unexpectedly; its traceback belongs in the log."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: Status
    description: str
    body: object
    fault: Exception | None = None


class Agent:
    """The `$management` node. Reads `view`, changes through `control`, keeps nothing between requests."""

    def __init__(self, view: RouterView, schema: Schema, control: RouterControl | None = None) -> None:
        """Without `control`, every change is refused with code 501."""
        self._core = CoreAgent(view, control)
        self._general = GeneralAgent(view, schema, control, NodeOperations(view, schema, control))

    def handle(
        self,
        content: bytes,
        now: float,  # noqa: ARG002 — every machine is told the time; no answer depends on it yet
        *,
        may_update: bool = True,
    ) -> Response | None:
        """The answer to an encoded request, router annotations in front or not; None without a reply-to.

        `may_update` is False where the policy of the peer's user group has allowAdminStatusUpdate off.
        """
        try:
            message = decode_message(content)
        except DecodeError:
            return None  # nobody to answer: what cannot be read names no reply-to
        if message.properties is None or not message.properties.reply_to:
            return None
        request = Request(message.application_properties or {}, message.body, message)
        return self._respond(request, message.properties, may_update=may_update)

    def _respond(self, request: Request, asked: Properties, *, may_update: bool) -> Response:
        in_core, answer = self._answer(request, may_update=may_update)
        try:
            content = encode_response(answer.status, answer.description, answer.body, asked, in_core=in_core)
        except (TypeError, ValueError) as error:  # a fact that has no AMQP type: our fault too
            answer = _fault(error)
            content = encode_response(answer.status, answer.description, answer.body, asked, in_core=in_core)
        failed = answer.status >= Status.BAD_REQUEST
        about = f" of {request.properties.get('type')}" if in_core else ""
        log_text = f"Error performing {request.properties.get('operation')}{about}: {answer.description}"
        return Response(
            str(asked.reply_to), content, int(answer.status), log_text if failed else None, answer.fault
        )

    def _answer(self, request: Request, *, may_update: bool) -> tuple[bool, _Answer]:
        """Whether core answers, and the answer."""
        in_core = False
        try:
            entity = self._core.entity(request)
            if entity is None:
                status, body = self._general.answer(request)
            else:
                in_core = True
                status, body = self._core.answer(entity, request, may_update=may_update)
            return in_core, _Answer(status, status.phrase, body)
        except UnknownEntityTypeError as error:
            return in_core, _failure(BadRequestError(str(error.args[0])), request, in_core=in_core)
        except ConfigError as error:
            return in_core, _failure(refusal_of(error), request, in_core=in_core)
        except ManagementError as error:
            return in_core, _failure(error, request, in_core=in_core)
        except Exception as error:  # our fault must not leave a request unanswered; the caller logs it
            return in_core, _fault(error)


def _fault(error: Exception) -> _Answer:
    return _Answer(Status.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}", {}, fault=error)


def _failure(error: ManagementError, request: Request, *, in_core: bool) -> _Answer:
    """Errors carry an empty map, but for CREATE of core types: null [captured]."""
    body: object = None if in_core and request.properties.get("operation") == "CREATE" else {}
    return _Answer(error.status, str(error), body)


def encode_response(
    status: Status, description: str, body: object, asked: Properties, *, in_core: bool
) -> bytes:
    """The answer as a message, in the form of the agent that gives it.

    The two differ in the order of the application properties, in empty lists, and in the type of an integer
    correlation-id, which only core keeps [captured].
    """
    codes: dict[str, Any] = {"statusCode": int(status), "statusDescription": description}
    properties: Mapping[str, Any] = dict(reversed(codes.items())) if in_core else codes
    conventions: Conventions = COMPOSER if in_core else REFERENCE
    correlation_id = asked.correlation_id
    if not in_core and isinstance(correlation_id, SizedInt):
        correlation_id = int(correlation_id)
    message = Message(
        header=CONTROL_HEADER,
        properties=Properties(to=asked.reply_to, correlation_id=correlation_id, on_wire=6),
        application_properties=properties,
        body=body,
    )
    return encode_message(message, conventions)
