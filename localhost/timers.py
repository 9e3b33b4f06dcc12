"""Fires timers, by the rules of webjobs-sdk-extensions' TimerListener."""

import contextlib
import datetime as dt
import threading
from collections.abc import Sequence

from localhost import typed_data
from localhost.channel import WorkerLost
from localhost.clock import Clock
from localhost.functions import Function, TimerTrigger
from localhost.invoker import Call, FunctionFailed, Invoker
from localhost.logs import Logs
from localhost.ncrontab import Schedule
from localhost.storage import reason_of
from localhost.supervisor import WorkerUnavailable
from localhost.timer_status import TimerStatus, after_run, plan_start
from localhost.timer_store import Singleton, TimerStore

_CATEGORY = "Host.Triggers.Timer"
_RENEW_EVERY = 20.0  # seconds; the lease lasts 60
_TICK = 0.2  # seconds between looks at a clock that may jump


class TimerListener:
    """One timer: waits for the lease, catches up once if it is past due, then fires on schedule.

    A run never overlaps the one before, the next occurrence is reckoned after it, and a failed run is not repeated.
    """

    def __init__(
        self,
        function: Function,
        trigger: TimerTrigger,
        schedule: Schedule,
        *,
        clock: Clock,
        store: TimerStore,
        invoker: Invoker,
        logs: Logs,
        lease_retry: float = 60.0,
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._schedule = schedule
        self._clock = clock
        self._store = store
        self._invoker = invoker
        self._logs = logs
        self._lease_retry = lease_retry
        self._singleton: Singleton = store.singleton(function.name)
        self._held = threading.Event()
        self._stop = threading.Event()
        self._monitored = False
        self._thread = threading.Thread(target=self._live, name=f"timer-{function.name}", daemon=True)

    def start(self) -> None:
        """Begin to compete for the lease."""
        self._thread.start()

    def stop_firing(self) -> None:
        """Start no further run."""
        self._stop.set()

    def close(self, timeout: float) -> None:
        """Wait for the run in hand, then give up the lease."""
        self.stop_firing()
        if self._thread.ident is not None:
            self._thread.join(timeout)
        if self._held.is_set():
            self._singleton.release()

    def renew(self) -> None:
        """Keep the lease; when it was lost, fire no more until it is won again."""
        if not self._held.is_set():
            return
        try:
            if self._singleton.renew():
                return
        except Exception as error:
            self._logs.warning(
                f"The lease of timer {self._function.name} could not be renewed: {reason_of(error)}", _CATEGORY
            )
            return
        self._logs.warning(f"The lease of timer {self._function.name} was lost to another host.", _CATEGORY)
        self._held.clear()

    def _live(self) -> None:
        while not self._stop.is_set():
            if not self._acquire():
                self._stop.wait(self._lease_retry)
                continue
            self._held.set()
            self._fire_while_held()

    def _acquire(self) -> bool:
        try:
            return self._singleton.acquire()
        except Exception as error:
            again = f"tried again in {self._lease_retry:g} s"
            self._logs.error(
                f"Timer {self._function.name}: storage does not answer; {again}: {reason_of(error)}", _CATEGORY
            )
            return False

    def _fire_while_held(self) -> None:
        status = self._start()
        while self._wait_for_next():
            status = self._run(status, on_schedule=True)

    def _start(self) -> TimerStatus:
        now = self._clock.now()
        self._monitored = self._trigger.use_monitor and not self._schedule.is_below_a_minute(now)
        stored = self._read_status() if self._monitored else None
        plan = plan_start(stored, self._schedule, now)
        if self._monitored and plan.write:
            self._write_status(plan.status)
        if self._monitored and plan.past_due:
            return self._run(plan.status, past_due=True)
        if self._trigger.run_on_startup:
            return self._run(plan.status)
        return plan.status

    def _wait_for_next(self) -> bool:
        """Wait until the next occurrence; False when the host stops or the lease is lost."""
        now = self._clock.now()
        due = self._schedule.next_after(now)
        if due is None:
            self._logs.warning(f"Timer {self._function.name}: {self._schedule.expression!r} never fires.", _CATEGORY)
        while not self._stop.is_set() and self._held.is_set():
            earlier, now = now, self._clock.now()
            if now < earlier - dt.timedelta(seconds=1):
                due = self._schedule.next_after(now)  # somebody put the clock back
            if due is not None and now >= due:
                return True
            left = (due - now).total_seconds() if due is not None else _TICK
            self._stop.wait(min(max(left, 0.001), _TICK))
        return False

    def _run(self, status: TimerStatus, *, past_due: bool = False, on_schedule: bool = False) -> TimerStatus:
        invoked_at = self._clock.now()
        info = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.to_json() if self._monitored else None,
            "IsPastDue": past_due,
        }
        late = " (past due)" if past_due else ""
        call = Call(
            function=self._function,
            trigger=typed_data.as_json(info),
            metadata={},
            reason=f"Timer fired at {invoked_at.isoformat(timespec='milliseconds')}{late}",
        )
        # The invoker has logged a failure; a timer's run is not repeated.
        with contextlib.suppress(FunctionFailed, WorkerLost, WorkerUnavailable):
            self._invoker.run(call)
        status = after_run(status, self._schedule, invoked_at, on_schedule=on_schedule)
        if self._monitored:
            self._write_status(status)
        return status

    def _read_status(self) -> TimerStatus | None:
        try:
            return self._store.read_status(self._function.name)
        except Exception as error:
            self._logs.error(
                f"The status of timer {self._function.name} could not be read: {reason_of(error)}", _CATEGORY
            )
            return None

    def _write_status(self, status: TimerStatus) -> None:
        try:
            self._store.write_status(self._function.name, status)
        except Exception as error:
            self._logs.error(
                f"The status of timer {self._function.name} could not be written: {reason_of(error)}", _CATEGORY
            )


class LeaseKeeper:
    """Renews the leases of all timers from one thread, also while their functions run."""

    def __init__(self, listeners: Sequence[TimerListener]) -> None:
        self._listeners = listeners
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="timer-leases", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def close(self) -> None:
        """Renew no more."""
        self._stop.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._stop.wait(_RENEW_EVERY):
            for listener in self._listeners:
                listener.renew()
