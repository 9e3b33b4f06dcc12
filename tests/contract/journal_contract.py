"""What the log of runs must do, whatever store they stand on. The fixture `store` is an empty table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from shared.azure.conflicts import TableConflicts
from shared.azure.failures import TableFailures
from shared.azure.runs import Beside, TableJournal
from shared.azure.sealed import Sealer
from shared.azure.values import unpack_value
from shared.domain.records import Kind, Ref, RemoteId
from shared.ports.journal import (
    FailureFilter,
    Listing,
)
from shared.ports.report import ConflictEntry, RecordOutcome
from shared.ports.state import PartitionStore
from tests.unit.state.world import START, FakeClock

HOUR = timedelta(hours=1)


def run_id(number: int) -> str:
    """An id as `IdSource` makes them: the later, the larger."""
    milliseconds = int((START + number * HOUR - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    return f"{milliseconds:012x}{number:020x}"


def outcome(number: int, code: str = "updated", **more: object) -> RecordOutcome:
    values: dict[str, object] = {
        "link": f"{number:024x}",
        "entity": "contact",
        "code": code,
        "crm": Ref(Kind("contact"), RemoteId(f"crm-{number}")),
        "partner": Ref(Kind("contact"), RemoteId(str(number))) if number % 2 else None,
    }
    return RecordOutcome(**(values | more))  # type: ignore[arg-type]


def every[T](page: Callable[[str], Listing[T]], limit: int = 200) -> list[T]:
    """A list read to its end, page by page."""
    found: list[T] = []
    after = ""
    for _ in range(limit):
        listing = page(after)
        found.extend(listing.items)
        after = listing.next
        if not after:
            return found
    raise AssertionError("the list does not end")


class RunLogContract:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def journal(self, store: PartitionStore, clock: FakeClock) -> TableJournal:
        return TableJournal(store, "conn1", clock)

    def test_what_another_part_said_already_is_not_added(self, journal: TableJournal) -> None:
        journal.begin_run(run_id(1), slot="s", reason="schedule")
        answers = [
            journal.tell(run_id(1), "answers", [outcome(1)], {"updated": 1}, unless="page"),
            journal.tell(run_id(1), "answers", [outcome(1)], {"updated": 1}, unless="page"),
            journal.tell(run_id(1), "page", [outcome(2)], {"updated": 1}),
            journal.tell(run_id(1), "more", [outcome(2)], {"updated": 1}, unless="page"),
        ]
        assert answers == [True, False, True, False]
        journal.begin_run(run_id(2), slot="t", reason="schedule")
        assert journal.tell(run_id(2), "more", [outcome(2)], {"updated": 1}, unless="page")
        for number, links in ((1, [outcome(1), outcome(2)]), (2, [outcome(2)])):
            found = journal.run(run_id(number))
            assert found is not None
            assert dict(found.counts) == {"updated": len(links)}
            assert sorted(journal.outcomes(run_id(number)), key=lambda item: item.link) == links

    def test_a_run_is_told_from_its_start_to_its_end(self, journal: TableJournal, clock: FakeClock) -> None:
        journal.begin_run(run_id(1), slot="2030-05-06T08", reason="schedule")
        told = {"updated": 1, "created": 1, "unchanged": 98}
        journal.tell(run_id(1), "page1", [outcome(1), outcome(2, "created")], told)
        clock.pass_(60)
        journal.tell(run_id(1), "page2", [outcome(3)], {"updated": 1, "unchanged": 9})

        running = journal.run(run_id(1))
        assert running is not None
        assert (running.state, running.started, running.ended) == ("running", START, None)
        assert dict(running.counts) == {"updated": 2, "created": 1, "unchanged": 107}

        journal.end_run(run_id(1), state="succeeded")
        ended = journal.run(run_id(1))
        assert ended is not None
        assert (ended.state, ended.ended, ended.slot, ended.reason) == (
            "succeeded",
            START + timedelta(minutes=1),
            "2030-05-06T08",
            "schedule",
        )
        assert sorted(journal.outcomes(run_id(1)), key=lambda item: item.link) == [
            outcome(1),
            outcome(2, "created"),
            outcome(3),
        ]

    def test_every_detail_of_an_outcome_is_kept(self, journal: TableJournal) -> None:
        full = outcome(
            1,
            "failed:rejected",
            field="phone",
            vendor_code="0x80040265",
            message="*** is not a phone number",
            retry_at=START + HOUR,
        )
        journal.tell(run_id(1), "p", [full], {"failed:rejected": 1})
        assert list(journal.outcomes(run_id(1))) == [full]

    def test_a_run_with_a_failure_is_never_green(self, journal: TableJournal) -> None:
        for number, (counts, state, final) in enumerate(
            [
                ({"updated": 5}, "succeeded", "succeeded"),
                ({"updated": 5, "failed:rejected": 1}, "succeeded", "partly_failed"),
                ({"failed:rejected": 1}, "failed", "failed"),
                ({"failed:rejected": 0}, "succeeded", "succeeded"),
                ({"conflicted:asked": 2}, "succeeded", "succeeded"),
                ({}, "stopped", "stopped"),
            ]
        ):
            journal.begin_run(run_id(number), slot="", reason="")
            journal.tell(run_id(number), "p", [], counts)
            journal.end_run(run_id(number), state=state)
            run = journal.run(run_id(number))
            assert run is not None
            assert run.state == final

    def test_repeating_any_call_changes_nothing(self, journal: TableJournal, clock: FakeClock) -> None:
        for _ in range(2):
            journal.begin_run(run_id(1), slot="s", reason="r")
            journal.tell(run_id(1), "page|1", [outcome(1)], {"updated": 1})
            journal.tell(run_id(1), "page|2", [], {"unchanged": 7})
            clock.pass_(5)
        journal.end_run(run_id(1), state="failed", code="auth", message="m")
        first = journal.run(run_id(1))
        clock.pass_(5)
        journal.end_run(run_id(1), state="succeeded")
        journal.begin_run(run_id(1), slot="other", reason="other")

        assert journal.run(run_id(1)) == first
        assert first is not None
        assert dict(first.counts) == {"updated": 1, "unchanged": 7}
        assert (first.state, first.code, first.message, first.slot) == ("failed", "auth", "m", "s")
        assert len(list(journal.outcomes(run_id(1)))) == 1

    def test_what_is_told_of_a_run_nobody_began_is_kept(self, journal: TableJournal) -> None:
        """A crash may come between the lane's state and the journal."""
        journal.end_run(run_id(2), state="failed")
        assert journal.run(run_id(2)) is None
        journal.tell(run_id(1), "p", [outcome(1)], {"updated": 1})
        run = journal.run(run_id(1))
        assert run is not None
        assert dict(run.counts) == {"updated": 1}

    def test_a_large_part_takes_several_rows_and_counts_once(self, journal: TableJournal) -> None:
        many = [outcome(number, message=f"message {number} " * 30) for number in range(1500)]
        for _ in range(2):
            journal.tell(run_id(1), "large", many, {"updated": 1500})
        assert [item.link for item in journal.outcomes(run_id(1))] == [item.link for item in many]
        assert all(len(item.message) <= 500 for item in journal.outcomes(run_id(1)))
        run = journal.run(run_id(1))
        assert run is not None
        assert run.counts["updated"] == 1500

    def test_runs_come_newest_first_page_by_page(self, journal: TableJournal) -> None:
        for number in (3, 1, 2, 5, 4):
            journal.begin_run(run_id(number), slot=str(number), reason="")
        assert [run.slot for run in journal.runs()] == ["5", "4", "3", "2", "1"]
        assert [run.slot for run in journal.runs(limit=2)] == ["5", "4"]
        assert [run.slot for run in every(lambda after: journal.list_runs(limit=2, after=after))] == list("54321")
        with pytest.raises(ValueError, match="no such continuation"):
            journal.list_runs(after="x' or true")

    def test_outcomes_come_page_by_page_and_by_code(self, journal: TableJournal) -> None:
        codes = ["updated", "created", "failed:rejected", "failed:too_long", "skipped:gone"]
        told = [outcome(number, codes[number % 5]) for number in range(60)]
        for part in range(3):
            journal.tell(run_id(1), f"p{part}", told[part * 20 : part * 20 + 20], {})
        journal.tell(run_id(2), "p", [outcome(99)], {})

        def page(after: str, codes: Iterable[str] = ()) -> Listing[RecordOutcome]:
            return journal.list_outcomes(run_id(1), limit=7, after=after, codes=codes)

        assert {item.link for item in every(page)} == {item.link for item in told}
        assert len(every(page)) == 60
        assert len(page("").items) == 7
        failed = every(lambda after: page(after, ["failed"]))
        assert len(failed) == 24
        assert {item.code for item in failed} == {"failed:rejected", "failed:too_long"}
        assert len(every(lambda after: page(after, ["failed:rejected", "created"]))) == 24
        with pytest.raises(ValueError, match="no such continuation"):
            journal.list_outcomes(run_id(1), after=f"o-{run_id(2)}-x.1")

    def test_connections_do_not_see_each_other(self, store: PartitionStore, clock: FakeClock) -> None:
        one, two = TableJournal(store, "one", clock), TableJournal(store, "two", clock)
        one.tell(run_id(1), "p", [outcome(1)], {"updated": 1})
        assert two.runs() == []
        assert list(two.outcomes(run_id(1))) == []

    def test_old_runs_go_with_their_outcomes(self, journal: TableJournal, store: PartitionStore) -> None:
        for number in range(5):
            journal.tell(run_id(number), "p", [outcome(number)], {"updated": 1})
        while journal.delete_before(START + 3 * HOUR, limit=2):
            pass
        assert [run.id for run in journal.runs()] == [run_id(4), run_id(3)]
        assert {row.key.split("-")[1] for row in store.scan("conn1", "o-", "o.")} == {run_id(3), run_id(4)}

    def test_failures_and_conflicts_get_rows_of_their_own(self, store: PartitionStore, clock: FakeClock) -> None:
        sealer = Sealer(b"k" * 32, "conflicts")
        failures, conflicts = TableFailures(store, "conn1"), TableConflicts(store, "conn1")
        seal = lambda plain, place: sealer.seal(plain, bound=place)  # noqa: E731
        journal = TableJournal(store, "conn1", clock, Beside(failures=failures, conflicts=conflicts, seal=seal))
        entry = ConflictEntry(
            link="ab" * 12,
            entity="contact",
            field="phone",
            policy="ask",
            winner="",
            crm=Ref(Kind("contact"), RemoteId("x")),
            partner=None,
            crm_value="+39 02 1234",
            partner_value=None,
        )
        for _ in range(2):
            journal.tell(
                run_id(1),
                "p",
                [
                    outcome(1, "failed:rejected", message="no", vendor_code="E1", retry_at=START + HOUR),
                    outcome(1, "failed:field_rejected", field="phone"),
                    outcome(2, "created"),
                    outcome(3, "conflicted:asked"),
                ],
                {},
            )
            journal.conflicts(run_id(1), "p", [entry])

        listed = failures.list(FailureFilter()).items
        assert [item.link for item in listed] == [outcome(1).link, outcome(3).link]
        assert [problem.code for problem in listed[0].problems] == ["failed:rejected", "failed:field_rejected"]
        assert (listed[0].retry_at, listed[0].run, listed[0].at) == (START + HOUR, run_id(1), START)
        (kept,) = conflicts.list(waiting=True).items
        assert (kept.link, kept.field, kept.winner, kept.run) == (entry.link, "phone", None, run_id(1))
        assert kept.crm_value is not None
        assert b"1234" not in kept.crm_value
        assert unpack_value(sealer.open(kept.crm_value, bound=f"{kept.id}|crm")) == "+39 02 1234"
        assert kept.partner_value is not None
        assert unpack_value(sealer.open(kept.partner_value, bound=f"{kept.id}|partner")) is None

    def test_a_conflict_of_a_run_is_kept_once_with_whatever_others_it_is_told(
        self, store: PartitionStore, clock: FakeClock
    ) -> None:
        sealer = Sealer(b"k" * 32, "conflicts")
        beside = Beside(
            failures=TableFailures(store, "conn1"),
            conflicts=TableConflicts(store, "conn1"),
            seal=lambda plain, place: sealer.seal(plain, bound=place),
        )
        journal, crm = TableJournal(store, "conn1", clock, beside), Ref(Kind("contact"), RemoteId("x"))

        def entry(field: str, theirs: bytes) -> ConflictEntry:
            return ConflictEntry(
                link="ab" * 12,
                entity="contact",
                field=field,
                policy="owner_crm",
                winner="crm",
                crm=crm,
                partner=None,
                crm_value="+39",
                partner_value="+34",
                crm_digest=b"o" * 16,
                partner_digest=theirs * 16,
            )

        journal.conflicts(run_id(1), "both", [entry("phone", b"t"), entry("title", b"t")])
        journal.conflicts(run_id(1), "one", [entry("phone", b"t")])
        journal.conflicts(run_id(1), "moved on", [entry("phone", b"u")])
        journal.conflicts(run_id(2), "one", [entry("phone", b"t")])
        kept = [(item.run, item.field) for item in TableConflicts(store, "conn1").list(waiting=False).items]
        assert sorted(kept) == sorted(
            [(run_id(1), "phone"), (run_id(1), "phone"), (run_id(1), "title"), (run_id(2), "phone")]
        )
