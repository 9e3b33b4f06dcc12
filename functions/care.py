"""Deleting on purpose: the clean-up of a connection, the erasure of a person, taking a run back; and how they stand."""

from __future__ import annotations

from functions.api.call import Answer, Call
from functions.api.operations import job_body, run_operation, unknown
from functions.api.problems import Refusal
from functions.api.route import Role, route
from shared import trust
from shared.domain.records import Side
from shared.ports.care import NEXT_TRY, WAITS, Job


@route("GET", "connections/{connection}/cleanup", Role.READER, answer="care.CleanUpCounts")
def count_cleanup(call: Call) -> Answer:
    """What a clean-up would delete: the records this connection created, by side and kind. Matched ones never count."""
    config = call.config()
    return Answer(body={"name": config.name, "created": trust.purging(call.app, config).counts()})


@route(
    "POST",
    "connections/{connection}/cleanup",
    Role.ADMIN,
    body="care.CleanUp",
    answer="common.Operation",
    status=202,
    codes=("connection_on", "not_confirmed", "purge_running"),
    audit="connection.cleaned_up",
    sends=True,
)
def clean_up(call: Call) -> Answer:
    """Deletes what this connection created. It must be off, and its name is typed as `confirm`."""
    sides = [Side(name) for name in call.body["sides"]]
    purging = trust.purging(call.app, call.config())
    return _begun(call, purging.start(sides, str(call.body["confirm"]), actor=call.caller.id))


@route("GET", "connections/{connection}/runs/{run}/revert", Role.READER, answer="care.RevertCounts")
def count_revert(call: Call) -> Answer:
    """What taking a run back would do, and what nobody can take back."""
    from shared.manage.revert import CANNOT

    config = call.config()
    counts = trust.reverting(call.app, config).preview(_run(call))
    return Answer(body={"run": call.places["run"], "counts": counts, "cannot": list(CANNOT)})


@route(
    "POST",
    "connections/{connection}/runs/{run}/revert",
    Role.ADMIN,
    body="care.Revert",
    empty=True,
    answer="common.Operation",
    status=202,
    codes=("nothing_to_revert",),
    audit="run.reverted",
    sends=True,
)
def revert_run(call: Call) -> Answer:
    """Restores the fields nobody touched since; with `created` also removes what the run made."""
    reverting = trust.reverting(call.app, call.config())
    created = call.body.get("created") is True
    return _begun(call, reverting.start(_run(call), created=created, actor=call.caller.id))


def _run(call: Call) -> str:
    run = call.places["run"]
    if call.app.journal(call.connection).run(run) is None:
        raise Refusal("run_not_found", "there is no such run", next_step="GET the list of runs.")
    return run


@route("GET", "operations/{operation}", Role.READER, answer="common.Operation")
def get_operation(call: Call) -> Answer:
    """How a long piece of work stands, with its report once it ended."""
    operation = call.places["operation"]
    if "." in operation:
        return Answer(body=run_operation(call, operation))
    job = trust.jobs(call.app).get(operation)
    if job is None:
        raise unknown()
    return Answer(body=job_body(job))


@route("GET", "connections/{connection}/operations", Role.READER, answer="common.Operations")
def list_operations(call: Call) -> Answer:
    """What is under way on a connection."""
    jobs = trust.jobs(call.app).open()
    return call.listed([job_body(job) for job in jobs if job.connection == call.connection])


@route(
    "POST",
    "erasures",
    Role.ADMIN,
    body="care.Erase",
    answer="care.Erasure",
    status=202,
    audit="person.erased",
    sends=True,
)
def erase(call: Call) -> Answer:
    """Erases a person from every connection, and keeps them away from now on.

    With `dynamics` their rows in Dynamics are deleted too; without, those stay and are never synchronised again. A
    connection that cannot be read is named by its part (`waitsFor`), which is done once somebody mends it.
    """
    app, email = call.app, str(call.body["email"])
    erasures = trust.erasures(app)
    erasures.keep_away(email)  # before anything that may fail
    found, problems = app.connections.store.readable()
    names = [stored.config.id for stored in found]
    broken = {name: problem.code for name, problem in problems.items()}
    dynamics = call.body.get("dynamics") is True
    jobs = erasures.request(email, names, dynamics=dynamics, actor=call.caller.id, broken=broken)
    for job in jobs:
        if job.connection not in broken:
            call.wake(job.connection)
    group = jobs[0].group if jobs else ""
    if not group:  # without a connection there is nothing to search
        return Answer(body={"id": "", "status": "Succeeded", "parts": []}, status=202)
    where = call.address(f"erasures/{group}")
    parts = [_part_body(job) for job in jobs]
    return Answer(body={"id": group, "status": "Running", "parts": parts}, status=202, where=where)


@route(
    "POST",
    "erasures/lift",
    Role.ADMIN,
    body="care.Lift",
    answer="care.Lifted",
    codes=("erasure_running",),
    audit="person.lifted",
)
def lift(call: Call) -> Answer:
    """Lets a person who was erased be synchronised again, such as one who signed up anew.

    Nothing is brought back: their records are taken up when they are next changed, or by a repeated initial sync.
    """
    return Answer(body={"lifted": trust.erasures(call.app).lift(str(call.body["email"]))})


@route("GET", "erasures/{erasure}", Role.READER, answer="care.Erasure")
def get_erasure(call: Call) -> Answer:
    """The certificate: which steps were done when, on which connection, and how much of each. No personal data."""
    parts = trust.jobs(call.app).of_group(call.places["erasure"])
    if not parts:
        raise unknown()
    states = {job.state for job in parts}
    status = "Running" if "open" in states else "Failed" if "stopped" in states else "Succeeded"
    return Answer(body={"id": call.places["erasure"], "status": status, "parts": [_part_body(job) for job in parts]})


def _begun(call: Call, job: Job) -> Answer:
    call.wake(job.connection)
    return Answer(body=job_body(job), status=202, where=call.address(f"operations/{job.id}"))


def _part_body(job: Job) -> dict[str, object]:
    hidden = {"records", "keys", "rows", "person", WAITS, NEXT_TRY}
    steps = {name: text for name, text in job.spec.items() if name not in hidden}
    return {
        **job_body(job),
        "steps": steps,
        "dynamicsDeleted": _rows_are_gone(job),
        "waitsFor": job.spec.get(WAITS, ""),
    }


def _rows_are_gone(job: Job) -> bool:
    """Whether their rows in Dynamics were to be deleted, and were: the step is over, and none was refused."""
    asked, done = job.spec.get("rows") == "yes", "dynamics" in job.spec
    return asked and done and not any(":crm:" in item for item in job.problems)
