"""Updates, deletes, labels and stamps. See `tests.contract.connector_contract`."""

from __future__ import annotations

from shared.domain.records import Record, Ref
from shared.ports.connector import (
    ClearBy,
    Op,
    Outcome,
    StampFinder,
    Write,
)
from tests.contract.promises.ground import (
    Harness,
    Promises,
    as_dict,
    creates_at_once,
    deletes,
    needs,
    updates,
)


class Changing(Promises):
    """See the module."""

    @needs("update", updates)
    def test_an_update_writes_the_fields_it_names_and_no_other(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        result = self._one(harness, self._update(harness, row, {harness.text: "new"}))
        assert result.outcome is Outcome.APPLIED
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == "new"
        assert {name: stored[name] for name in harness.values(1) if name != harness.text} == {
            name: value for name, value in harness.values(1).items() if name != harness.text
        }

    @needs("update", updates)
    def test_an_update_never_makes_a_record(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        revision = self._revision(harness, row)
        harness.delete(row)
        result = self._one(harness, self._update(harness, row, {harness.text: "new"}, expect=revision))
        assert result.outcome is Outcome.GONE
        assert list(harness.rows()) == []

    @needs("conditional write", lambda kind: kind.conditional_write and updates(kind))
    def test_an_update_that_expects_an_old_revision_is_stale_and_changes_nothing(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        old = self._revision(harness, row)
        harness.edit(row, {harness.other: "a user was here"})
        result = self._one(harness, self._update(harness, row, {harness.text: "ours"}, expect=old))
        assert result.outcome is Outcome.STALE
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == harness.values(1)[harness.text]
        assert stored[harness.other] == "a user was here"

    @needs("conditional write", lambda kind: kind.conditional_write and updates(kind))
    def test_an_update_that_expects_the_present_revision_is_applied_and_makes_a_new_one(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        present = self._revision(harness, row)
        result = self._one(harness, self._update(harness, row, {harness.text: "ours"}, expect=present))
        assert result.outcome is Outcome.APPLIED
        assert self._revision(harness, row) != present
        if result.revision is not None:
            assert result.revision == self._revision(harness, row)

    @needs("update", updates)
    def test_a_cleared_field_reads_as_none_or_the_write_is_refused(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        result = self._one(harness, self._update(harness, row, {harness.other: None}))
        stored = harness.stored(row)
        assert stored is not None
        if self._kind(harness).clear is ClearBy.IMPOSSIBLE:
            assert result.outcome is Outcome.REJECTED
            assert result.code == "cannot_clear"
            assert stored[harness.other] == harness.values(1)[harness.other]
            return
        assert result.outcome is Outcome.APPLIED
        record = harness.connector.read(harness.kind, [row], [harness.other])[row]
        assert isinstance(record, Record)
        assert record.fields[harness.other] is None

    @needs("update", updates)
    def test_every_type_of_value_comes_back_as_it_was_written(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        schema = harness.connector.describe(harness.kind)
        values = {
            name: value
            for name, value in harness.values(2).items()
            if schema.fields[name].updatable
            and schema.fields[name].readable
            and name != self._kind(harness).match_field
        }
        result = self._one(harness, self._update(harness, row, values))
        assert result.outcome is Outcome.APPLIED
        record = harness.connector.read(harness.kind, [row], list(values))[row]
        assert isinstance(record, Record)
        assert dict(record.fields) == values

    @needs("delete", deletes)
    def test_a_delete_removes_and_a_second_one_has_nothing_left_to_do(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        write = Write(key="k", op=Op.DELETE, ref=Ref(harness.kind, row), expect=self._revision(harness, row))
        assert self._one(harness, write).outcome is Outcome.APPLIED
        assert list(harness.rows()) == []
        assert self._one(harness, write).outcome in {Outcome.APPLIED, Outcome.GONE}

    @needs("conditional delete", lambda kind: kind.conditional_write and deletes(kind))
    def test_a_delete_that_expects_an_old_revision_is_stale(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        old = self._revision(harness, row)
        harness.edit(row, {harness.text: "a user was here"})
        result = self._one(harness, Write(key="k", op=Op.DELETE, ref=Ref(harness.kind, row), expect=old))
        assert result.outcome is Outcome.STALE
        assert list(harness.rows()) == [row]

    @needs("refusal of all but creates", lambda kind: kind.create_only)
    def test_what_is_written_once_is_never_changed(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        result = self._one(harness, self._update(harness, row, {harness.text: "new"}))
        assert result.outcome is Outcome.REJECTED
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == harness.values(1)[harness.text]

    @needs("labels", lambda kind: kind.labels and updates(kind))
    def test_labels_are_added_and_removed_without_touching_others(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        for add, remove in [({"one", "two"}, set()), ({"three"}, {"one"}), (set(), {"never there"})]:
            write = self._update(harness, row, {})
            write = Write(
                key="k", op=Op.UPDATE, ref=write.ref, expect=write.expect, add_labels=frozenset(add),
                remove_labels=frozenset(remove),
            )  # fmt: skip
            assert self._one(harness, write).outcome is Outcome.APPLIED
        assert harness.labels(row) == {"two", "three"}
        record = harness.connector.read(harness.kind, [row], [harness.text])[row]
        assert isinstance(record, Record)
        assert record.labels == {"two", "three"}

    @needs("stamp", lambda kind: kind.stamp is not None and creates_at_once(kind) and updates(kind))
    def test_a_stamp_is_stored_in_the_same_write(self, harness: Harness) -> None:
        stamp = self._kind(harness).stamp
        assert stamp is not None
        write = self._create(harness, harness.values(1))
        result = self._one(harness, Write(**{**as_dict(write), "stamp": "intent-1"}))
        assert result.ref is not None
        finder = harness.connector
        assert isinstance(finder, StampFinder)
        found = finder.stamped(harness.kind, "intent-1", [harness.text])
        assert found is not None
        assert found.ref == result.ref
        update = self._update(harness, result.ref.id, {harness.text: "new"})
        self._one(harness, Write(**{**as_dict(update), "stamp": "intent-2"}))
        assert finder.stamped(harness.kind, "intent-1", [harness.text]) is None
        record = harness.connector.read(harness.kind, [result.ref.id], [stamp])[result.ref.id]
        assert isinstance(record, Record)
        assert record.fields[stamp] == "intent-2"
