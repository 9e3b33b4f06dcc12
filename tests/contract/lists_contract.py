"""What the lists beside the lane must do: failures, conflicts, the timeline, connections. The fixture `store` is an
empty table."""

from __future__ import annotations

import pytest

from shared.azure.audit import TableAudit
from shared.azure.conflicts import TableConflicts
from shared.azure.connections import TableConnections
from shared.azure.failures import TableFailures
from shared.azure.log_rows import newest_first
from shared.domain.connection import ConnectionConfig
from shared.domain.records import Kind, Ref, RemoteId, Side
from shared.errors import ConfigError, StaleRevision
from shared.ports.journal import (
    AlreadyThere,
    AuditEntry,
    Failure,
    FailureFilter,
    KeptConflict,
    Problem,
)
from shared.ports.state import Cell, PartitionStore, Replace
from tests.contract.journal_contract import HOUR, every, run_id
from tests.unit.state.world import START


def failure(number: int, code: str = "failed:rejected", **more: object) -> Failure:
    values: dict[str, object] = {
        "link": f"{number:024x}",
        "entity": "contact" if number % 2 else "lead",
        "problems": (Problem(code, "phone", "E1", "not *** a phone"),),
        "crm": Ref(Kind("contact"), RemoteId(f"crm-{number}")),
        "at": START,
        "run": run_id(1),
        "tries": 3,
        "retry_at": START + HOUR,
    }
    return Failure(**(values | more))  # type: ignore[arg-type]


class FailureStoreContract:
    @pytest.fixture
    def failures(self, store: PartitionStore) -> TableFailures:
        return TableFailures(store, "conn1")

    def test_a_failure_comes_back_whole_and_the_newest_counts(self, failures: TableFailures) -> None:
        failures.put([failure(1), failure(2)])
        assert failures.get(failure(1).link) == failure(1)
        changed = failure(1, "failed:too_long", tries=4, retry_at=None)
        failures.put([changed])
        assert failures.get(failure(1).link) == changed
        assert failures.get("ff") is None
        assert list(failures.list(FailureFilter()).items) == [changed, failure(2)]

    def test_clearing_takes_out_those_and_only_those(self, failures: TableFailures) -> None:
        failures.put([failure(number) for number in range(250)])
        failures.dismiss([failure(3).link], actor="a1")
        failures.clear([failure(number).link for number in range(0, 300, 2)])
        failures.clear([failure(3).link])
        left = every(lambda after: failures.list(FailureFilter(dismissed=None), limit=30, after=after))
        assert [item.link for item in left] == [failure(number).link for number in range(1, 250, 2) if number != 3]

    def test_filters_are_judged_row_by_row(self, failures: TableFailures) -> None:
        failures.put([failure(number, "failed:too_long" if number % 3 else "conflicted:asked") for number in range(90)])

        def links(**where: object) -> list[str]:
            asked = FailureFilter(**where)  # type: ignore[arg-type]
            return [item.link for item in every(lambda after: failures.list(asked, limit=10, after=after))]

        assert len(links()) == 90
        assert links(entity="lead") == [failure(number).link for number in range(0, 90, 2)]
        assert links(code="conflicted") == [failure(number).link for number in range(0, 90, 3)]
        assert links(code="failed:too_long", entity="contact") == [
            failure(number).link for number in range(90) if number % 3 and number % 2
        ]
        assert links(field="phone") == links()
        assert links(field="mail") == []

    def test_a_dismissed_failure_stays_away_until_its_code_changes(self, failures: TableFailures) -> None:
        failures.put([failure(1), failure(2)])
        assert failures.dismiss([failure(1).link, "abc"], actor="admin-object-id") == 1
        assert [item.link for item in failures.list(FailureFilter()).items] == [failure(2).link]
        failures.put([failure(1, tries=9)])
        assert [item.link for item in failures.list(FailureFilter()).items] == [failure(2).link]
        assert [item.link for item in failures.list(FailureFilter(dismissed=True)).items] == [failure(1).link]
        assert len(failures.list(FailureFilter(dismissed=None)).items) == 2
        found = failures.get(failure(1).link)
        assert found is not None
        assert found.dismissed

        failures.put([failure(1, "failed:too_long")])
        assert len(failures.list(FailureFilter()).items) == 2

    def test_a_filter_that_finds_little_goes_on_page_by_page(self, failures: TableFailures) -> None:
        failures.put([failure(number, "failed:rare" if number == 1150 else "failed:often") for number in range(1200)])
        first = failures.list(FailureFilter(code="failed:rare"), limit=10)
        assert list(first.items) == []
        assert first.next
        second = failures.list(FailureFilter(code="failed:rare"), limit=10, after=first.next)
        assert [item.link for item in second.items] == [failure(1150).link]

    def test_a_link_is_named_by_digits_only(self, failures: TableFailures) -> None:
        for name in ("", "ada@example.com", "f/1", "ABC"):
            with pytest.raises(ValueError, match="hexadecimal"):
                failures.put([failure(1, link=name)])


def kept(number: int, winner: Side | None = Side.CRM, **more: object) -> KeptConflict:
    at = START + number * HOUR
    values: dict[str, object] = {
        "id": f"{newest_first(at)}-c{number}",
        "link": f"{number:024x}",
        "entity": "contact",
        "field": "phone",
        "policy": "ask" if winner is None else "owner_crm",
        "winner": winner,
        "crm": Ref(Kind("contact"), RemoteId("x")),
        "partner": Ref(Kind("contact"), RemoteId("7")),
        "crm_value": b"sealed \x00 crm",
        "partner_value": b"sealed \xff partner",
        "at": at,
        "run": run_id(1),
    }
    return KeptConflict(**(values | more))  # type: ignore[arg-type]


class ConflictStoreContract:
    @pytest.fixture
    def conflicts(self, store: PartitionStore) -> TableConflicts:
        return TableConflicts(store, "conn1")

    def test_questions_and_decisions_are_two_lists_newest_first(self, conflicts: TableConflicts) -> None:
        conflicts.add([kept(number, None if number % 2 else Side.PARTNER) for number in range(20)])
        waiting = every(lambda after: conflicts.list(waiting=True, limit=3, after=after))
        decided = every(lambda after: conflicts.list(waiting=False, limit=3, after=after))
        assert waiting == [kept(number, None) for number in range(19, 0, -2)]
        assert decided == [kept(number, Side.PARTNER) for number in range(18, -1, -2)]
        assert conflicts.get(kept(3).id) == kept(3, None)
        assert conflicts.get(kept(4).id) == kept(4, Side.PARTNER)
        assert conflicts.get("nonsense") is None

    def test_adding_again_changes_nothing_not_even_a_decision(self, conflicts: TableConflicts) -> None:
        conflicts.add([kept(1, None), kept(2)])
        conflicts.decide(kept(1).id, Side.PARTNER, actor="a", now=START + 9 * HOUR)
        conflicts.add([kept(1, None), kept(2)])
        assert list(conflicts.list(waiting=True).items) == []
        assert len(conflicts.list(waiting=False).items) == 2

    def test_a_question_is_answered_once(self, conflicts: TableConflicts) -> None:
        conflicts.add([kept(1, None)])
        decided = conflicts.decide(kept(1).id, Side.PARTNER, actor="admin-id", now=START + 2 * HOUR)
        assert (decided.winner, decided.actor, decided.decided_at) == (Side.PARTNER, "admin-id", START + 2 * HOUR)
        assert conflicts.get(kept(1).id) == decided
        with pytest.raises(StaleRevision) as refused:
            conflicts.decide(kept(1).id, Side.CRM, actor="other", now=START)
        assert "Read the list" in refused.value.next_step
        assert conflicts.get(kept(1).id) == decided

    def test_a_newer_question_takes_the_place_of_the_older_one(self, conflicts: TableConflicts) -> None:
        link = "ab" * 12
        conflicts.add([kept(1, None, link=link), kept(2, None, link=link, field="mail")])
        conflicts.add([kept(3, None, link=link)])
        waiting = list(conflicts.list(waiting=True, link=link).items)
        assert [item.id for item in waiting] == [kept(3).id, kept(2).id]
        with pytest.raises(StaleRevision):
            conflicts.decide(kept(1).id, Side.CRM, actor="a", now=START)
        conflicts.decide(kept(3).id, Side.CRM, actor="a", now=START)
        conflicts.add([kept(4, None, link=link)])
        assert [item.id for item in conflicts.list(waiting=True, link=link).items] == [kept(4).id, kept(2).id]

    def test_lists_are_filtered(self, conflicts: TableConflicts) -> None:
        conflicts.add([kept(1, None), kept(2, None, entity="lead"), kept(3, None, field="mail")])
        assert [item.id for item in conflicts.list(waiting=True, entity="lead").items] == [kept(2).id]
        assert [item.id for item in conflicts.list(waiting=True, field="mail").items] == [kept(3).id]
        assert [item.id for item in conflicts.list(waiting=True, link=kept(1).link).items] == [kept(1).id]

    def test_values_are_forgotten_after_their_time(self, conflicts: TableConflicts) -> None:
        conflicts.add([kept(number, None if number % 2 else Side.CRM) for number in range(10)])
        while conflicts.expire(START + 5 * HOUR, limit=2):
            pass
        decided = conflicts.list(waiting=False).items
        assert [item.id for item in decided] == [kept(8).id, kept(6).id]
        waiting = {item.id: item.crm_value for item in conflicts.list(waiting=True).items}
        assert {name for name, value in waiting.items() if value is None} == {kept(1).id, kept(3).id}
        assert len(waiting) == 5

    def test_many_are_added_at_once(self, conflicts: TableConflicts) -> None:
        conflicts.add([kept(number) for number in range(230)])
        assert len(every(lambda after: conflicts.list(waiting=False, limit=100, after=after))) == 230

    def test_an_id_that_could_hold_anything_is_refused(self, conflicts: TableConflicts) -> None:
        with pytest.raises(ValueError, match="conflict's id"):
            conflicts.add([kept(1, id="ada@example.com")])


class AuditContract:
    @pytest.fixture
    def audit(self, store: PartitionStore) -> TableAudit:
        return TableAudit(store, "conn1")

    def test_the_timeline_is_newest_first_and_only_grows(self, audit: TableAudit) -> None:
        entries = [
            AuditEntry(
                id=f"e{number}",
                at=START + number * HOUR,
                actor="00000000-0000-4000-8000-00000000000a",
                action="connection.updated" if number % 2 else "run.started",
                target="conn1",
                details={"fields": "rhythm"},
            )
            for number in range(7)
        ]
        for entry in (*entries, *entries):
            audit.append(entry)
        assert every(lambda after: audit.list(limit=2, after=after)) == entries[::-1]
        assert list(audit.list(action="connection").items) == entries[5::-2]
        assert list(audit.list(action="connection.updated").items) == entries[5::-2]
        assert list(audit.list(action="conn").items) == []

    def test_an_id_that_could_hold_anything_is_refused(self, audit: TableAudit) -> None:
        with pytest.raises(ValueError, match="audit entry's id"):
            audit.append(AuditEntry(id="a/b", at=START, actor="x", action="y"))


def config(number: int, **more: object) -> ConnectionConfig:
    values: dict[str, object] = {
        "id": f"c{number}",
        "name": f"Connection {number}",
        "system": "activecampaign",
        "crm": {"url": "https://org.example"},
        "partner": {"url": "https://account.example", "key": "secret-name"},
    }
    return ConnectionConfig(**(values | more))  # type: ignore[arg-type]


class ConnectionStoreContract:
    @pytest.fixture
    def connections(self, store: PartitionStore) -> TableConnections:
        return TableConnections(store)

    def test_a_second_connection_of_the_same_accounts_is_refused(self, connections: TableConnections) -> None:
        stored = connections.create(config(1), unique="aa11")
        with pytest.raises(AlreadyThere) as refused:
            connections.create(config(2), unique="aa11")
        assert refused.value.id == "c1"
        assert connections.get("c2") is None
        assert connections.list() == [stored]
        connections.delete("c1")
        connections.delete("c1")
        connections.create(config(2), unique="aa11")

    @pytest.mark.parametrize("cells", [{"data0": "{"}, {"data0": "{}"}, {"format": 2}])
    def test_a_connection_that_cannot_be_read_is_named_and_hides_no_other(
        self, store: PartitionStore, connections: TableConnections, cells: dict[str, Cell]
    ) -> None:
        for number in (1, 2):
            connections.create(config(number), unique=f"aa{number}")
        row = store.get("connections", "c-c1")
        assert row is not None
        store.transact("connections", [Replace(row.key, {**row.cells, **cells}, row.etag)])
        found, problems = connections.readable()
        assert [stored.config.id for stored in found] == ["c2"]
        assert list(problems) == ["c1"]
        assert "connection c1" in str(problems["c1"])
        assert problems["c1"].next_step
        with pytest.raises(ConfigError, match="connection c1"):
            connections.list()

    def test_an_update_needs_the_version_that_was_read(self, connections: TableConnections) -> None:
        first = connections.create(config(1), unique="aa11")
        second = connections.update(config(1, name="Renamed"), first.etag)
        assert connections.get("c1") == second
        with pytest.raises(StaleRevision):
            connections.update(config(1, name="Lost"), first.etag)
        connections.delete("c1")
        with pytest.raises(StaleRevision):
            connections.update(config(1), second.etag)

    def test_connections_are_listed_by_id(self, connections: TableConnections) -> None:
        for number in (3, 1, 2):
            connections.create(config(number), unique=f"u{number}")
        assert [item.config.id for item in connections.list()] == ["c1", "c2", "c3"]
        assert connections.get("c9") is None
        assert connections.get("c1' or true") is None
