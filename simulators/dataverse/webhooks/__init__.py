"""Webhooks: endpoints that Dataverse calls when rows are written."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from simulators.dataverse.context import Context
from simulators.dataverse.errors import DataverseError
from simulators.dataverse.hooks import WriteEvent
from simulators.dataverse.security.guard import bypassed
from simulators.dataverse.store import Ref, Value
from simulators.dataverse.webhooks import body as bodies
from simulators.dataverse.webhooks.delivery import Deliveries, Outcome
from simulators.dataverse.webhooks.registration import ASYNC, SYNC, Stage, Step, check_registration, steps_for
from simulators.dataverse.webhooks.seeds import seed_webhooks
from simulators.frame import Switch, flag

if TYPE_CHECKING:
    from simulators.dataverse.service import DataverseSystem

SWITCHES: tuple[Switch, ...] = (
    Switch(
        name="webhook_timeout_seconds",
        default=60.0,
        text="Seconds an endpoint has to answer.",
        source="dataverse.md 4",
    ),
    flag(
        "webhook_shuffle",
        default=False,
        text="Asynchronous calls are made in any order, as the service promises none.",
        source="dataverse.md 4",
    ),
    flag(
        "webhook_double",
        default=False,
        text="Asynchronous calls are made twice: delivery is not exactly once.",
        source="dataverse.md 4",
    ),
)
# What a reset has to end: the calls of the organisation as it was before.
_RUNNING: WeakKeyDictionary[DataverseSystem, Deliveries] = WeakKeyDictionary()
_PRE = frozenset((Stage.PRE_VALIDATION.value, Stage.PRE_OPERATION.value))
_POST = frozenset((Stage.POST_OPERATION.value,))
_JOB = {True: (3, 30), False: (3, 31)}
_EXECUTE_STEP = 1


def install(service: DataverseSystem) -> None:
    """Listen to all writes."""
    old = _RUNNING.pop(service, None)
    if old is not None:
        old.close()
    deliveries = _RUNNING[service] = service.extra["deliveries"] = Deliveries()
    hooks = service.hooks

    def before(context: Context, event: WriteEvent) -> None:
        check_registration(context, event)
        _call_now(context, event, deliveries, _PRE)

    hooks.before_write.append(before)
    hooks.after_write.append(lambda context, event: _call_now(context, event, deliveries, _POST))
    hooks.after_commit.append(lambda context, event: _call_later(context, event, deliveries))
    hooks.seeders["webhooks"] = seed_webhooks
    hooks.actions["wait_webhooks"] = lambda _, spec: {
        "idle": deliveries.wait(float(spec.get("seconds", 10))),
        "calls": len(deliveries.log),
    }
    hooks.actions["webhook_calls"] = lambda _, spec: {"calls": list(deliveries.log)[int(spec.get("after", 0)) :]}


def _call_now(context: Context, event: WriteEvent, deliveries: Deliveries, stages: frozenset[int]) -> None:
    """Synchronous steps: a failure aborts the write."""
    skipped = bypassed(context)
    for step in steps_for(context, event, SYNC, stages):
        if "sync" in skipped or step.id in skipped:
            continue
        _prepare(context, deliveries)
        outcome = _post(context, event, step, deliveries)
        if not outcome.ok:
            raise _failure(outcome)


def _call_later(context: Context, event: WriteEvent, deliveries: Deliveries) -> None:
    """Asynchronous steps: called after the commit, on other threads."""
    skipped = bypassed(context)
    steps = [
        step for step in steps_for(context, event, ASYNC, _POST) if "async" not in skipped and step.id not in skipped
    ]
    if not steps:
        return
    _prepare(context, deliveries)
    if context.switches.on("webhook_shuffle"):
        context.service.chance.shuffle(steps)
    for step in steps:
        content = bodies.execution_context(context, event, step)
        raw, too_large = bodies.encode(content)
        headers = bodies.headers_for(context, event, content, too_large=too_large)
        for _ in range(1 + context.switches.on("webhook_double")):
            deliveries.submit(lambda s=step, r=raw, h=headers: _deliver(context, event, s, deliveries, (r, h)))


def _prepare(context: Context, deliveries: Deliveries) -> None:
    deliveries.timeout = context.switches.number("webhook_timeout_seconds")
    deliveries.ca_file = context.service.ca_file


def _post(context: Context, event: WriteEvent, step: Step, deliveries: Deliveries) -> Outcome:
    content = bodies.execution_context(context, event, step)
    raw, too_large = bodies.encode(content)
    return deliveries.post(step, raw, bodies.headers_for(context, event, content, too_large=too_large))


def _deliver(
    context: Context, event: WriteEvent, step: Step, deliveries: Deliveries, call: tuple[bytes, dict[str, str]]
) -> None:
    outcome = deliveries.post(step, *call)
    if outcome.ok and not step.keep_success:
        return
    with context.store.lock:
        if context.service.extra.get("deliveries") is deliveries:
            context.store.put("asyncoperation", _job(context, event, step, outcome))


def _job(context: Context, event: WriteEvent, step: Step, outcome: Outcome) -> dict[str, Value]:
    """The system job that tells how a call ended."""
    state, status = _JOB[outcome.ok]
    refusal = _failure(outcome)
    job: dict[str, Value] = {
        "asyncoperationid": context.service.new_id(),
        "name": step.name or f"{event.table.name}: webhook",
        "operationtype": _EXECUTE_STEP,
        "messagename": event.op.capitalize(),
        "primaryentitytype": event.table.name,
        "owningextensionid": Ref("sdkmessageprocessingstep", step.id),
        "regardingobjectid": Ref(event.table.name, event.id),
        "ownerid": Ref("systemuser", context.caller.user_id),
        "retrycount": outcome.attempts - 1,
        "statecode": state,
        "statuscode": status,
        "createdon": context.now,
        "modifiedon": context.now,
        "completedon": context.now,
    }
    if not outcome.ok:
        job |= {"errorcode": int(refusal.code, 16) - 2**32, "message": refusal.message}
    return job


def _failure(outcome: Outcome) -> DataverseError:
    if outcome.status:
        return DataverseError(
            400,
            "0x80050201",
            "The webhook call failed because the http request got non-success httpStatus code. Please handle webhook "
            f"request properly. httpStatus: {outcome.status}",
            name="WebhooksNonSuccessHttpResponse",
        )
    if outcome.reason == "timeout":
        return DataverseError(
            400,
            "0x80050202",
            "The webhook call failed because the http request timed out at client side.",
            name="Webhooks",
        )
    return DataverseError(
        400, "0x80050205", "The webhook call failed during http post.", name="WebhooksPostRequestFailed"
    )
