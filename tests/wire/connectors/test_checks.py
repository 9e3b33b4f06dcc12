"""Connection checks: ordered named steps, each passed, failed or skipped with a reason and a next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from shared.ports.connector import CheckState, CheckStep, Connector
from simulators.frame import Authority
from tests.wire.connectors.activecampaign import Account, account
from tests.wire.connectors.dynamics import organisation

PASSED, FAILED, SKIPPED = CheckState.PASSED, CheckState.FAILED, CheckState.SKIPPED
FULL = dict.fromkeys(("Create", "Read", "Write", "Delete", "Append", "AppendTo", "Assign", "Share"), "Global")


def checked(connector: Connector) -> dict[str, CheckStep]:
    steps = list(connector.check())
    for step in steps:
        assert step.state is PASSED or (step.reason and step.next_step), step
    return {step.name: step for step in steps}


def states(steps: Mapping[str, CheckStep], prefix: str) -> list[CheckState]:
    return [step.state for name, step in steps.items() if name.startswith(prefix)]


@pytest.mark.feature("HUB-02.1")
def test_a_sound_environment_passes_step_by_step(ca: Authority) -> None:
    with organisation(ca, tables=["contact"]) as org:
        steps = checked(org.connector)
        assert list(steps) == [
            "settings", "token", "whoami", "clock",
            "table:contact", "privileges:contact", "tracking:contact", "bulk:contact",
        ]  # fmt: skip
        assert set(states(steps, "")) == {PASSED}


@pytest.mark.feature("HUB-02.1")
def test_a_written_table_must_be_able_to_refuse_a_stale_update(ca: Authority) -> None:
    off = {kind: {"concurrency": False} for kind in ("contact", "opportunity")}
    with organisation(ca, seeds={"table_options": off}, tables=["contact", "opportunity"]) as org:
        steps = checked(org.connector)
        assert (steps["table:contact"].state, steps["table:contact"].code) == (FAILED, "concurrency_off")
        assert states(steps, "privileges:contact") == [SKIPPED]
        assert steps["table:opportunity"].state is PASSED, "it is only read"


@pytest.mark.feature("HUB-02.1")
def test_a_missing_and_a_narrow_privilege_are_named(ca: Authority) -> None:
    for change, word in (({"Delete": "None"}, "prvDeleteContact"), ({"Read": "Local"}, "prvReadContact")):
        tables = {"contact": {**FULL, **change}, "systemuser": {"Read": "Global"}}
        role = {"name": "Sync", "tables": tables, "privileges": {}}
        with organisation(ca, seeds={"roles": [role]}, tables=["contact"]) as org:
            org.be_a_plain_user()
            step = checked(org.connector)["privileges:contact"]
            assert step.state is FAILED
            assert word in step.reason
            assert step.code in {"missing_privilege", "narrow_privilege"}


@pytest.mark.feature("HUB-02.1")
def test_a_clock_that_is_wrong_is_told_and_stops_nothing_else(ca: Authority) -> None:
    with organisation(ca, tables=["contact"]) as org:
        org.around.clock.offset = 600.0
        steps = checked(org.connector)
        assert steps["clock"].state is FAILED
        assert steps["table:contact"].state is PASSED
    with account(ca) as ac:
        ac.around.clock.offset = -600.0
        steps = checked(ac.connector)
        assert (steps["clock"].state, steps["contacts"].state) == (FAILED, PASSED)


@pytest.mark.feature("HUB-02.1")
def test_a_table_the_environment_lacks_is_skipped_with_what_hangs_on_it(ca: Authority) -> None:
    with organisation(ca, tables=["contact", "lead"]) as org:
        org.system.schema.tables.pop("lead")
        steps = checked(org.connector)
        assert [steps[f"{name}:lead"].state for name in ("table", "privileges", "tracking", "bulk")] == [SKIPPED] * 4
        assert steps["tracking:contact"].state is PASSED


def test_an_environment_that_is_down_fails_one_step_and_says_to_try_again(ca: Authority) -> None:
    with organisation(ca, tables=["contact"]) as org:
        org.server.host.faults.add([{"match": {"path": "WhoAmI"}, "do": {"status": 503}}])
        steps = checked(org.connector)
        assert steps["whoami"].state is FAILED
        assert "again" in steps["whoami"].next_step
        assert set(states(steps, "table")) == {SKIPPED}


@pytest.fixture
def ac(ca: Authority) -> Iterator[Account]:
    with account(ca) as made:
        yield made


@pytest.mark.feature("AC-01")
@pytest.mark.parametrize("word", ["403", "html_200", "html_403"])
def test_a_bad_key_is_one_failed_step_however_the_account_says_so(ac: Account, word: str) -> None:
    ac.system.switches.set({"bad_key": word})
    ac.around.secrets.known["ac-key"] = "wrong"
    steps = checked(ac.connector)
    assert steps["key"].state is FAILED
    assert "Developer" in steps["key"].next_step or "key" in steps["key"].next_step
    assert {step.state for name, step in steps.items() if name not in {"settings", "key"}} == {SKIPPED}


def test_an_address_that_answers_something_else_is_told(ac: Account) -> None:
    for do in ({"status": 404, "body": "{}"}, {"status": 200, "body": '{"hello": "world"}'}, {"status": 302}):
        ac.server.host.faults.clear()
        ac.server.host.faults.add([{"match": {"path": "users/me"}, "do": do}])
        step = checked(ac.connector)["key"]
        assert step.state is FAILED
        assert step.code in {"wrong_address", "redirected"}


def test_every_step_of_an_account_passes(ac: Account) -> None:
    assert {step.state for step in checked(ac.connector).values()} == {PASSED}
