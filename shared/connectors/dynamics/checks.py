"""The steps of a connection check, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.connectors.dynamics.client import DataverseClient, Fetched
from shared.connectors.dynamics.metadata import TableMeta, fetch_table
from shared.connectors.dynamics.security import read_privileges
from shared.connectors.dynamics.tables import VERBS, Table
from shared.connectors.stepper import NotTold, Stepper, clock_skew
from shared.errors import AuthError, ConfigError, Transient
from shared.ports.ambient import Clock
from shared.ports.connector import CheckStep, Op


def check(client: DataverseClient, tables: Sequence[Table], clock: Clock) -> Iterator[CheckStep]:
    """Steps: `settings`, `token`, `whoami`, `clock`; then `table:`, `privileges:`, `tracking:`, `bulk:` a table."""
    steps = Stepper()
    yield steps.passed("settings", f"{client.http.origin.url} is an address of Dataverse")
    answers: list[Fetched] = []
    yield steps.run("token", lambda: _token(client))
    yield steps.run("whoami", lambda: _whoami(client, answers), needs=("token",))
    yield steps.run("clock", lambda: clock_skew(answers[0].date, clock.now()), needs=("whoami",))
    for table in tables:
        yield from _table_steps(steps, client, table, answers)


def _table_steps(
    steps: Stepper, client: DataverseClient, table: Table, answers: Sequence[Fetched]
) -> Iterator[CheckStep]:
    found: list[TableMeta] = []
    kind, described = table.kind, (f"table:{table.kind}",)
    yield steps.run(f"table:{kind}", lambda: _table(client, table, _user(answers), found), needs=("whoami",))
    yield steps.run(f"privileges:{kind}", lambda: _privileges(client, found[0].table, _user(answers)), needs=described)
    yield steps.run(f"tracking:{kind}", lambda: _tracking(found[0]), needs=described)
    yield steps.run(f"bulk:{kind}", lambda: _bulk(client, table), needs=described, optional=True)


def _token(client: DataverseClient) -> str:
    client.http.sign_in()
    return "a token was issued"


def _whoami(client: DataverseClient, answers: list[Fetched]) -> str:
    fetched = client.get(client.target("WhoAmI"), "check", interactive=True)
    if not isinstance(fetched.data.get("UserId"), str):
        raise Transient("Dynamics 365 did not say who we are", code="unreadable_answer")
    answers.append(fetched)
    return f"signed in as user {_user(answers)}"


def _user(answers: Sequence[Fetched]) -> str:
    return str(answers[0].data["UserId"])


def _table(client: DataverseClient, table: Table, user: str, found: list[TableMeta]) -> str:
    found.append(fetch_table(client, table, user))
    if Op.UPDATE in table.writes and not found[0].guarded:
        raise ConfigError(
            f"optimistic concurrency is off for {table.kind}: Dynamics would refuse every update of ours",
            code="concurrency_off",
            next_step="Set IsOptimisticConcurrencyEnabled in the table's definition (Web API, EntityDefinitions), then "
            "run the check again.",
        )
    closed = sorted(name for name, column in found[0].columns.items() if not column.spec.readable)
    return f"{len(found[0].columns)} columns" + (f", {len(closed)} of them not readable" if closed else "")


def wanted_privileges(table: Table) -> dict[str, str]:
    """What the application user needs on a table, and what for; the published role holds just these."""
    wanted = {f"prvRead{table.privilege}": "read"}
    wanted |= {f"prv{VERBS[op]}{table.privilege}": op.value for op in table.writes}
    if table.timeline:
        wanted[f"prv{VERBS[Op.UPDATE]}{table.privilege}"] = "complete"
    if table.writes:
        wanted |= {f"prvAppend{table.privilege}": "link", f"prvAppendTo{table.privilege}": "link to"}
    return wanted


def _privileges(client: DataverseClient, table: Table, user: str) -> str:
    wanted = wanted_privileges(table)
    depths = read_privileges(client, user, list(wanted))
    if not depths:
        raise NotTold(
            "the application user may not look at its own privileges",
            "Add prvReadUser at user level to its security role, so that the check can tell what is missing.",
        )
    missing = sorted(name for name, depth in depths.items() if not depth)
    if missing:
        raise AuthError(
            f"the application user lacks {', '.join(missing)}",
            code="missing_privilege",
            next_step="Add the privileges to its security role, at organisation level, and run the check again.",
        )
    narrow = sorted(name for name, depth in depths.items() if depth != "Global")
    if f"prvRead{table.privilege}" in narrow:
        raise AuthError(
            f"prvRead{table.privilege} does not reach the whole organisation",
            code="narrow_privilege",
            next_step="Change tracking needs read at organisation level: widen it in the security role.",
        )
    return "read, create, write, delete, append" if table.writes else "read"


def _tracking(meta: TableMeta) -> str:
    if meta.table.timeline:
        return "not needed: rows are made in this table, and never read as a feed"
    if not meta.tracked:
        raise ConfigError(
            f"change tracking is off for {meta.table.kind}",
            code="change_tracking_off",
            next_step="In Power Apps open the table's properties, advanced options, and tick 'Track changes'. It "
            "cannot be switched off again.",
        )
    return "on"


def _bulk(client: DataverseClient, table: Table) -> str:
    if not table.writes:
        return "not needed: this table is only read"
    chosen = f"sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq '{table.kind}'"
    target = client.target("sdkmessagefilters", select="sdkmessagefilterid", filter=chosen)
    rows = client.get(target, "check", interactive=True).data.get("value")
    return "CreateMultiple is available" if rows else "no CreateMultiple: rows are created one by one in batches"
