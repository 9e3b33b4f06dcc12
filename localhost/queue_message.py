"""One received queue message and what the host does with it at the end: delete, release, or move to poison."""

import base64
import binascii
import datetime as dt
from typing import TYPE_CHECKING, Any

from localhost import typed_data
from localhost.config import QueueOptions
from localhost.logs import Logs
from localhost.outputs import send_creating
from localhost.storage import queue_client

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient, QueueMessage

POISON = "-poison"
_NOT_OURS = frozenset({"PopReceiptMismatch", "MessageNotFound", "QueueNotFound", "QueueBeingDeleted", "QueueDisabled"})


class ReceivedMessage:
    """A message this host holds invisible. Its pop receipt changes with each renewal; losing it is not an error."""

    def __init__(self, message: "QueueMessage", *, queue: "Queue") -> None:
        self.id = str(message.id)
        self.dequeue_count = int(message.dequeue_count or 0)
        self.text = str(message.content)
        self._message = message
        self._receipt = str(message.pop_receipt)
        self._queue = queue

    def body(self) -> bytes | None:
        """The decoded body, or None when it is not in the encoding host.json declares."""
        if not self._queue.options.base64:
            return self.text.encode()
        try:
            return base64.b64decode(self.text, validate=True)
        except (binascii.Error, ValueError):
            return None

    def metadata(self) -> dict[str, Any]:
        """The trigger metadata the worker library reads a ``QueueMessage`` from."""
        return {
            "QueueTrigger": typed_data.text(self.text),
            "Id": typed_data.text(self.id),
            "PopReceipt": typed_data.text(self._receipt),
            "DequeueCount": typed_data.as_json(str(self.dequeue_count)),
            "InsertionTime": typed_data.as_json(_iso(self._message.inserted_on)),
            "ExpirationTime": typed_data.as_json(_iso(self._message.expires_on)),
            "NextVisibleTime": typed_data.as_json(_iso(self._message.next_visible_on)),
        }

    def hide_for(self, seconds: float) -> bool:
        """Make it visible again after ``seconds``; False when somebody else holds it by now."""
        from azure.core.exceptions import HttpResponseError

        try:
            updated = self._queue.client.update_message(
                self.id, pop_receipt=self._receipt, visibility_timeout=round(seconds)
            )
        except HttpResponseError as error:
            if _is_lost(error):
                return False
            raise
        self._receipt = str(updated.pop_receipt)
        return True

    def delete(self) -> None:
        """Take it off the queue; nothing happens when somebody else holds it by now or it is gone."""
        from azure.core.exceptions import HttpResponseError

        try:
            self._queue.client.delete_message(self.id, pop_receipt=self._receipt)
        except HttpResponseError as error:
            if not _is_lost(error):
                raise
            self._queue.warn(f"message {self.id} was not deleted: it is gone or somebody else's by now.")

    def move_to_poison(self, why: str) -> None:
        """Copy its text unchanged to the poison queue, then delete it. A poison queue has none behind it: there the
        message stays invisible until its time runs out, so that it cannot loop quickly.
        """
        poison = self._queue.poison
        if poison is None:
            self._queue.warn(f"message {self.id} stays: {why}, and a poison queue has no poison queue behind it.")
            return
        send_creating(poison, self.text)
        self.delete()
        self._queue.warn(f"message {self.id} was moved to {poison.queue_name}: {why}.")


class Queue:
    """A queue with its poison twin (None for a queue that is itself one)."""

    def __init__(self, connection: str, name: str, *, options: QueueOptions, logs: Logs) -> None:
        self.name = name
        self.options = options
        self._logs = logs
        self.client: QueueClient = queue_client(connection, name)
        self.poison: QueueClient | None = None if name.endswith(POISON) else queue_client(connection, name + POISON)

    def warn(self, message: str) -> None:
        """Log a warning about this queue."""
        self._logs.warning(f"Queue {self.name}: {message}", category="Host.Queues")

    def exists(self) -> bool:
        """Whether the queue is there; the listener asks before it polls, so that a missing queue raises nothing."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            self.client.get_queue_properties()
        except ResourceNotFoundError:
            return False
        return True

    def receive(self, *, lease: float) -> list[ReceivedMessage]:
        """Up to one batch of messages, invisible to others for ``lease`` seconds."""
        pages = self.client.receive_messages(
            messages_per_page=self.options.batch_size,
            max_messages=self.options.batch_size,
            visibility_timeout=max(1, round(lease)),
        )
        return [ReceivedMessage(message, queue=self) for message in pages]


def _is_lost(error: Any) -> bool:
    code = str(getattr(error, "error_code", "") or "")
    return code in _NOT_OURS or getattr(error, "status_code", None) == 404


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
