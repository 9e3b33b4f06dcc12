"""`PartitionStore` on Azure Table storage, through Microsoft's SDK.

The SDK is imported when the tables are opened: it costs a third of a second of a cold start. Its own retries are off,
because they honour a Retry-After of two minutes and would eat a slice. Reads are tried again here, within
`PATIENCE_SECONDS`; a transaction never: whoever sent it decides by reading whether it was applied.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from shared.azure.limits import check_key, check_table, check_transaction, row_bytes
from shared.azure.table_errors import Judgement, Trouble, judge
from shared.azure.table_rows import to_row, to_sdk
from shared.errors import Transient
from shared.ports.ambient import Clock
from shared.ports.state import PARALLEL_READS, Conflict, Operation, Put, Remove, Replace, Row, StoreUsage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.data.tables import TableClient, TableServiceClient

PATIENCE_SECONDS: Final = 10.0
"""A read is tried again only while less than this has passed; with the time-outs below that is 20 s at most."""

CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 7

_PAUSES: Final = (0.1, 0.4, 1.5)
_PAGE: Final = 1000
_STALE_SECONDS: Final = 60.0
_LOOK_AFTER: Final = 500
_HALF: Final = timedelta(seconds=0.5)


class ServiceTime:
    """The service's clock: the Date header of its last answer, moved on by the monotonic clock.

    The header counts whole seconds, so half a second is added: the error is half a second and the way back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[datetime, float] | None = None

    def note(self, response: Any) -> None:
        """Takes the time from an answer (the SDK's raw response hook)."""
        told = response.http_response.headers.get("Date")
        if told:
            self._seen = (parsedate_to_datetime(told) + _HALF, self._clock.monotonic())

    def now(self) -> datetime | None:
        """None when no answer is at most a minute old."""
        if self._seen is None:
            return None
        passed = self._clock.monotonic() - self._seen[1]
        return self._seen[0] + timedelta(seconds=passed) if passed <= _STALE_SECONDS else None


class Tables:
    """The tables of one storage account: one client, one session, one pool of reading threads for all of them."""

    def __init__(self, service: TableServiceClient, clock: Clock, time: ServiceTime, *, prefix: str = "") -> None:
        self._service = service
        self._clock = clock
        self._time = time
        self._prefix = prefix
        self.readers = ThreadPoolExecutor(PARALLEL_READS, thread_name_prefix="table-read")

    @staticmethod
    def by_connection_string(connection_string: str, clock: Clock, *, prefix: str = "", **options: Any) -> Tables:
        """`prefix` (letters and digits) goes before each table's name. `options` go to the SDK's client."""
        from azure.data.tables import TableServiceClient

        time = ServiceTime(clock)
        service = TableServiceClient.from_connection_string(connection_string, **_options(time, options))
        return Tables(service, clock, time, prefix=prefix)

    @staticmethod
    def by_credential(
        endpoint: str, credential: TokenCredential, clock: Clock, *, prefix: str = "", **options: Any
    ) -> Tables:
        """For a managed identity; `endpoint` is `https://ACCOUNT.table.core.windows.net`."""
        from azure.data.tables import TableServiceClient

        time = ServiceTime(clock)
        service = TableServiceClient(endpoint, credential=credential, **_options(time, options))
        return Tables(service, clock, time, prefix=prefix)

    def store(self, name: str) -> AzurePartitionStore:
        """The table of this name (letters and digits); it is created when it is first found missing."""
        check_table(self._prefix + name)
        return AzurePartitionStore(self, self._service.get_table_client(self._prefix + name))

    def close(self) -> None:
        self.readers.shutdown()
        self._service.close()

    def now(self) -> datetime:
        """The service's clock. Asks the service when nothing was heard of it for a minute."""
        known = self._time.now()
        if known is None:
            self.patiently(lambda: next(iter(self._service.list_tables(results_per_page=1)), None))
            known = self._time.now()
        if known is None:
            raise Transient("the table service tells no time", code="storage_clock")
        return known

    def patiently[T](self, call: Callable[[], T]) -> T:
        """Does a reading call, again after what may pass. Raises what the SDK raised when it is no passing trouble,
        Transient when the trouble does not pass in time."""
        began = self._clock.monotonic()
        for pause in (*_PAUSES, None):
            try:
                return call()
            except Exception as error:
                judged = judge(error)
                if judged.trouble is not Trouble.PASSING:
                    raise
                _let_go(error)
                wait = max(pause or 0.0, judged.retry_after or 0.0)
                if pause is None or self._clock.monotonic() - began + wait > PATIENCE_SECONDS:
                    raise judged.error() from error
            self._clock.sleep(wait)
        raise AssertionError("the last try returns or raises")


class AzurePartitionStore:
    """One table of Azure Table storage; see `PartitionStore` for what its methods promise."""

    def __init__(self, tables: Tables, client: TableClient) -> None:
        self._tables = tables
        self._client = client
        self._usage = StoreUsage()
        self._unseen = 0
        self._lock = threading.Lock()

    @property
    def usage(self) -> StoreUsage:
        return self._usage

    def now(self) -> datetime:
        return self._tables.now()

    def get(self, partition: str, key: str) -> Row | None:
        check_key(partition)
        check_key(key)
        with self._lock:
            self._usage.gets += 1
        try:
            row = to_row(self._reading(lambda: self._client.get_entity(partition, key)))
        except _Missing:
            return None
        self._count_read(partition, [row])
        return row

    def get_many(self, partition: str, keys: Iterable[str]) -> dict[str, Row]:
        wanted = list(dict.fromkeys(keys))
        if len(wanted) == 1:
            rows = [self.get(partition, wanted[0])]
        else:
            tasks = [self._tables.readers.submit(copy_context().run, self.get, partition, key) for key in wanted]
            rows = [task.result() for task in tasks]
        return {row.key: row for row in rows if row is not None}

    def scan(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Sequence[Row]:
        check_key(partition)
        rows: list[Row] = []
        token: Any = None
        while limit is None or len(rows) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(rows))
            try:
                page, token = self._reading(partial(self._page, partition, first, last, size, token))
            except _Missing:
                return []
            rows.extend(page)
            if not token:
                break
        self._count_read(partition, rows)
        return rows

    def transact(self, partition: str, operations: Sequence[Operation]) -> Mapping[str, str]:
        check_transaction(partition, operations)
        left = list(operations)
        while left:
            with self._lock:
                self._usage.commits += 1
            try:
                answers = self._send(partition, left)
            except Exception as error:
                self._forgive(judge(error), left, error)
            else:
                self._count_written(partition, left)
                return {op.key: str(answer["etag"]) for op, answer in zip(left, answers, strict=True) if _writes(op)}
        return {}

    def _send(self, partition: str, operations: Sequence[Operation]) -> Sequence[Mapping[str, Any]]:
        """What the service tells of each row. One that is written alone goes as a call of its own, which is as atomic:
        the SDK takes three threads and half its time to wrap one row in a transaction and to unwrap the answer."""
        first = operations[0]
        if len(operations) > 1 or not isinstance(first, Put | Replace):
            return self._client.submit_transaction(to_sdk(partition, operation) for operation in operations)
        _, entity, *options = to_sdk(partition, first)
        send = self._client.upsert_entity if isinstance(first, Put) else self._client.update_entity
        return [send(entity, **options[0])]

    def _forgive(self, judged: Judgement, left: list[Operation], error: Exception) -> None:
        """Makes ready for another try what one can be made ready for; raises for the rest."""
        _let_go(error)
        if judged.trouble is Trouble.NO_TABLE:
            self._create_table()
            return
        place = 0 if len(left) == 1 else judged.index
        culprit = left[place] if place is not None and place < len(left) else None
        if judged.trouble is Trouble.MISSING and isinstance(culprit, Remove) and culprit.etag is None:
            left.remove(culprit)  # deleting what is not there is done; the service refuses the transaction for it
            return
        if judged.trouble in {Trouble.REFUSED, Trouble.MISSING}:
            raise Conflict(culprit.key if culprit else "") from error
        raise judged.error() from error

    def _reading[T](self, call: Callable[[], T]) -> T:
        try:
            return self._tables.patiently(call)
        except Transient:
            raise
        except Exception as error:
            judged = judge(error)
            _let_go(error)
            if judged.trouble in {Trouble.MISSING, Trouble.NO_TABLE}:
                raise _Missing from None
            raise judged.error() from error

    def _page(self, partition: str, first: str, last: str, size: int, token: Any) -> tuple[list[Row], Any]:
        """One page of a key range. Keys hold no quotes: `check_key` and the alphabet of `shared.state` see to it."""
        with self._lock:
            self._usage.scans += 1
        pages = self._client.query_entities(
            "PartitionKey eq @partition and RowKey ge @first and RowKey lt @last",
            parameters={"partition": partition, "first": first, "last": last},
            results_per_page=size,
        ).by_page(token)
        rows: list[Row] = []
        following: Any = None
        try:
            rows.extend(to_row(entity) for entity in next(pages))
            following = pages.continuation_token  # type: ignore[attr-defined]
        except StopIteration:
            pass
        finally:
            vars(pages).clear()  # it holds its own methods, and so the answer twice over, until cycles are looked for
        return rows, following

    def _create_table(self) -> None:
        from azure.core.exceptions import ResourceExistsError

        def create() -> None:
            try:
                self._client.create_table()
            except ResourceExistsError:
                return

        try:
            self._tables.patiently(create)
        except Transient:
            raise
        except Exception as error:
            raise judge(error).error() from error

    def _count_read(self, partition: str, rows: Sequence[Row]) -> None:
        size = sum(row_bytes(partition, row.key, row.cells) for row in rows)
        with self._lock:
            self._usage.rows_read += len(rows)
            self._usage.bytes_read += size

    def _count_written(self, partition: str, operations: Sequence[Operation]) -> None:
        size = sum(row_bytes(partition, op.key, op.cells) for op in operations if not isinstance(op, Remove))
        with self._lock:
            self._usage.rows_written += len(operations)
            self._usage.bytes_written += size
            self._unseen += len(operations)
            look, self._unseen = self._unseen >= _LOOK_AFTER, self._unseen % _LOOK_AFTER
        if look:
            gc.collect(0)  # for each row of an answer the SDK's parser makes three classes: cycles of some 2 kB


class _Missing(Exception):
    """There is no such row, or no table yet."""


def _let_go(error: BaseException | None) -> None:
    """The SDK's frames keep its errors and those keep the frames, with all that their callers had in hand at that
    moment, a page of work: nothing but a full look for cycles would free it, and a missing row is nothing unusual."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _writes(operation: Operation) -> bool:
    return not isinstance(operation, Remove)


def _options(time: ServiceTime, options: Mapping[str, Any]) -> dict[str, Any]:
    ours: dict[str, Any] = {
        "retry_total": 0,
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "raw_response_hook": time.note,
    }
    return ours | dict(options)
