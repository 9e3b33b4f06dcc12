"""Listens to one queue for one function, by the rules of the storage extension's QueueListener and QueueProcessor."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from localhost import typed_data
from localhost.backoff import Backoff
from localhost.channel import WorkerLost
from localhost.config import QueueOptions
from localhost.functions import Function, QueueTrigger
from localhost.invoker import Call, FunctionFailed, Invoker
from localhost.logs import Logs
from localhost.queue_message import Queue, ReceivedMessage
from localhost.storage import reason_of
from localhost.supervisor import Worker, WorkerUnavailable

_CATEGORY = "Host.Queues"


class QueueListener:
    """Takes batches and runs the function on each message.

    ``lease`` is how long a taken message stays invisible (seconds; 600 in Azure); it is renewed at half that time while
    the function runs. A message whose worker dies is left alone and comes back when its lease ends.
    """

    def __init__(
        self,
        function: Function,
        trigger: QueueTrigger,
        *,
        options: QueueOptions,
        lease: float,
        invoker: Invoker,
        worker: Worker,
        logs: Logs,
    ) -> None:
        self.queue_name = trigger.queue
        self._function = function
        self._queue = Queue(trigger.connection, trigger.queue, options=options, logs=logs)
        self._options = options
        self._lease = lease
        self._invoker = invoker
        self._worker = worker
        self._logs = logs
        self._backoff = Backoff(options.max_polling_interval, random.Random())  # noqa: S311 - spreads polls
        self._changed = threading.Condition()
        self._running = 0
        self._poked = False
        self._stopping = False
        self._storage_down = False
        most = options.batch_size + options.new_batch_threshold
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=f"queue-{function.name}")
        self._thread = threading.Thread(target=self._listen, name=f"listen-{function.name}", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def poke(self) -> None:
        """A message was put on this queue by this host: do not wait for the next poll."""
        with self._changed:
            self._poked = True
            self._changed.notify_all()

    def stop_polling(self) -> None:
        """Take no more messages."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def wait_until_idle(self, timeout: float) -> bool:
        """Whether every taken message was finished with, at the latest after ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, timeout)

    def close(self) -> None:
        """Stop for good; call it after the workers are gone, so that nothing is left to wait for."""
        self.stop_polling()
        if self._thread.ident is not None:
            self._thread.join()
        self._pool.shutdown()

    def _listen(self) -> None:
        exists = False
        while self._wait_for_room():
            try:
                exists = exists or self._queue.exists()
                messages = self._queue.receive(lease=self._lease) if exists else []
                self._note_storage(None)
            except Exception as error:  # storage away, queue being deleted: the next poll will tell
                exists = False
                messages = []
                self._note_storage(error)
            if messages:
                self._backoff.reset()
                self._process_all(messages)
            else:
                self._pause(self._backoff.next_delay())

    def _wait_for_room(self) -> bool:
        """Wait for a worker and until few enough messages are in hand; False when it is time to stop."""
        threshold = self._options.new_batch_threshold
        while not self._stopping:
            # A message taken without a worker to run it would only wait out its lease.
            if not self._worker.wait_until_ready(0.5):
                self._pause(0.1)  # an app that does not load answers at once
                continue
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping or self._running <= threshold, 0.5):
                    return not self._stopping
        return False

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if self._changed.wait_for(lambda: self._poked or self._stopping, seconds) and self._poked:
                self._backoff.reset()
            self._poked = False

    def _process_all(self, messages: list[ReceivedMessage]) -> None:
        with self._changed:
            self._running += len(messages)
        for message in messages:
            self._pool.submit(self._process_and_count, message)

    def _process_and_count(self, message: ReceivedMessage) -> None:
        try:
            self._process(message)
        except Exception as error:
            self._complain(f"message {message.id} could not be completed and will come back", error)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _process(self, message: ReceivedMessage) -> None:
        if message.dequeue_count > self._options.max_dequeue_count:
            message.move_to_poison(f"it was taken {message.dequeue_count} times")
            return
        body = message.body()
        if body is None:
            message.move_to_poison(
                "its text is not base64, which host.json's extensions.queues.messageEncoding asks for; "
                'send base64, or set "messageEncoding": "none"'
            )
            return
        try:
            self._invoker.run(self._call(message, body))
        except FunctionFailed:
            self._release(message)
        except (WorkerLost, WorkerUnavailable):
            self._queue.warn(f"message {message.id} comes back within {self._lease:g} s.")
        else:
            message.delete()

    def _release(self, message: ReceivedMessage) -> None:
        if message.dequeue_count >= self._options.max_dequeue_count:
            message.move_to_poison(f"the function failed {message.dequeue_count} times")
        elif self._queue.poison is not None:
            message.hide_for(self._options.visibility_timeout)
        # Behind a poison queue there is none: the message stays invisible, so that it cannot loop quickly.

    def _call(self, message: ReceivedMessage, body: bytes) -> Call:
        return Call(
            function=self._function,
            trigger=typed_data.message_body(body),
            metadata=message.metadata(),
            reason=f"New queue message {message.id} on '{self._queue.name}', taken {message.dequeue_count} times",
            every=self._lease / 2,
            while_running=self._renewal(message),
        )

    def _renewal(self, message: ReceivedMessage) -> Callable[[], None]:
        def renew() -> None:
            try:
                held = message.hide_for(self._lease)
            except Exception as error:  # the function goes on; the next renewal may succeed
                self._complain(f"message {message.id} could not be renewed", error)
                return
            if not held:
                self._queue.warn(f"message {message.id} is somebody else's by now.")

        return renew

    def _note_storage(self, error: Exception | None) -> None:
        """Log the first failure and the recovery, not every poll in between."""
        if error is not None and not self._storage_down:
            self._complain("it cannot be read and is tried again", error)
        if error is None and self._storage_down:
            self._logs.info(f"Queue {self._queue.name}: it can be read again.", _CATEGORY)
        self._storage_down = error is not None

    def _complain(self, what: str, error: Exception) -> None:
        self._logs.error(f"Queue {self._queue.name}: {what}: {reason_of(error)}", _CATEGORY)
