"""The call log (what was asked) and the write log (what changed, and who did it)."""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

_KEEP_CALLS = 200_000
_VARIABLE = re.compile(r"^(\d+|[0-9a-fA-F-]{32,36})$")
_KEYED = re.compile(r"\([^)]*\)")


def iso(instant: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(instant, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def template(path: str) -> str:
    """A path with its ids replaced: `/contacts/7` gives `/contacts/{id}`, `/leads(x)` gives `/leads({key})`."""
    parts = ["{id}" if _VARIABLE.match(part) else _KEYED.sub("({key})", part) for part in path.split("/")]
    return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Call:
    """One vendor call. `status` is 0 when no answer left; `fault` names what was injected, if anything."""

    seq: int
    time: str
    method: str
    path: str
    query_keys: tuple[str, ...]
    status: int
    request_bytes: int
    response_bytes: int
    ms: float
    user_agent: str
    fault: str


class CallLog:
    """The last 200,000 calls, and totals of all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=_KEEP_CALLS)
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._seq = 0

    def add(
        self,
        *,
        at: float,
        method: str,
        path: str,
        query_keys: tuple[str, ...],
        status: int,
        request_bytes: int,
        response_bytes: int,
        ms: float,
        user_agent: str,
        fault: str = "",
    ) -> None:
        """Note one call."""
        with self._lock:
            self._seq += 1
            self._calls.append(
                Call(
                    seq=self._seq,
                    time=iso(at),
                    method=method,
                    path=path,
                    query_keys=query_keys,
                    status=status,
                    request_bytes=request_bytes,
                    response_bytes=response_bytes,
                    ms=round(ms, 3),
                    user_agent=user_agent,
                    fault=fault,
                )
            )
            self._counts[method, path, status] += 1

    def page(self, *, after: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Calls with a sequence number above `after`, oldest first, at most `limit`."""
        with self._lock:
            chosen = [call for call in self._calls if call.seq > after][:limit]
        return [asdict(call) for call in chosen]

    def counts(self) -> dict[str, Any]:
        """The total, and totals per method, path template and status."""
        with self._lock:
            rows = sorted(self._counts.items())
        return {
            "total": sum(number for _, number in rows),
            "by": [{"method": m, "path": p, "status": s, "count": number} for (m, p, s), number in rows],
        }

    def clear(self) -> None:
        """Forget all calls; numbering goes on."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()


@dataclass(slots=True)
class Write:
    """One change of vendor state. `changed` maps a key to `[old, new]`."""

    seq: int
    time: str
    who: str
    op: str
    kind: str
    id: str
    changed: dict[str, list[Any]]


class WriteLog:
    """Every change since the last reset: the ledger by which "nothing doubled, nothing lost" is judged."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: list[Write] = []
        self._seq = 0

    def add(
        self, *, at: float, who: str, op: str, kind: str, record_id: str, changed: Mapping[str, list[Any]] | None = None
    ) -> None:
        """Note one change: `op` is create, update, delete, merge, subscribe and the like; `kind` the vendor's noun."""
        with self._lock:
            self._seq += 1
            self._writes.append(Write(self._seq, iso(at), who, op, kind, record_id, dict(changed or {})))

    def page(
        self, *, after: int = 0, limit: int = 1000, kind: str = "", record_id: str = "", who: str = ""
    ) -> list[dict[str, Any]]:
        """Changes with a sequence number above `after`, oldest first, narrowed by kind, id or author when given."""
        found: list[dict[str, Any]] = []
        with self._lock:
            start = bisect_right(self._writes, after, key=lambda write: write.seq)
            for write in islice(self._writes, start, None):
                if (kind and write.kind != kind) or (record_id and write.id != record_id):
                    continue
                if who and write.who != who:
                    continue
                found.append(asdict(write))
                if len(found) >= limit:
                    break
        return found

    def clear(self) -> None:
        """Forget all changes; numbering goes on."""
        with self._lock:
            self._writes.clear()

    def truncate(self, length: int) -> None:
        """Forget the changes after the first `length`, such as those of seeding."""
        with self._lock:
            del self._writes[length:]

    def __len__(self) -> int:
        return len(self._writes)
