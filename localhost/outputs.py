"""Writes what a function put into its output bindings: only after it succeeded, and one message after another."""

import base64
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from localhost import typed_data
from localhost.functions import Function, HttpOutput, QueueOutput
from localhost.storage import queue_client


class OutputWriter:
    """Sends queue outputs in the encoding of host.json.

    ``enqueued`` is told each queue's name, so that a listener of that queue in this host looks at once.
    """

    def __init__(self, *, base64_encoding: bool, enqueued: Callable[[str], None]) -> None:
        self._base64 = base64_encoding
        self._enqueued = enqueued

    def write(self, function: Function, response: Any) -> None:
        """Write the queue outputs of one successful ``InvocationResponse``; raises what storage raises.

        They are not atomic, neither among themselves nor with the deletion of the triggering message.
        """
        for output in function.outputs:
            if isinstance(output, QueueOutput):
                for data in _values(output.parameter, response):
                    self._send(output, typed_data.queue_messages(data))

    def _send(self, output: QueueOutput, bodies: list[bytes]) -> None:
        if not bodies:
            return
        client = queue_client(output.connection, output.queue)
        for body in bodies:
            send_creating(client, self.encode(body))
        self._enqueued(output.queue)

    def encode(self, body: bytes) -> str:
        """A message's text on the wire."""
        return base64.b64encode(body).decode("ascii") if self._base64 else body.decode("utf-8")


def http_output(function: Function, response: Any) -> Any | None:
    """The ``TypedData`` of a function's HTTP response, or None when it set none."""
    for output in function.outputs:
        if isinstance(output, HttpOutput):
            return next(_values(output.parameter, response), None)
    return None


def send_creating(client: Any, text: str) -> None:
    """Send a message to a queue and create the queue if it is missing."""
    from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

    try:
        client.send_message(text)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):  # another writer was first
            client.create_queue()
        client.send_message(text)


def _values(parameter: str, response: Any) -> Iterator[Any]:
    if parameter == "$return" and response.HasField("return_value"):
        yield response.return_value
    for item in response.output_data:
        if item.name == parameter:
            yield item.data
