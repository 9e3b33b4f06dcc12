"""What a connector says of itself, and of records by id or match value. See `tests.contract.connector_contract`."""

from __future__ import annotations

import pytest

from shared.domain.records import FieldType, Gone, Record
from shared.errors import AuthError
from shared.ports.connector import (
    CheckState,
)
from tests.contract.promises.ground import (
    Harness,
    Promises,
    needs,
    several,
)


class Telling(Promises):
    """See the module."""

    # -- what it says of itself ----------------------------------------------------------------------------------------

    def test_capabilities_stay_the_same_for_the_life_of_the_account(self, harness: Harness) -> None:
        assert harness.connector.capabilities == harness.connector.capabilities
        assert harness.kind in harness.connector.capabilities.kinds

    def test_identity_names_the_account_the_same_each_time(self, harness: Harness) -> None:
        assert harness.connector.identity()
        assert harness.connector.identity() == harness.connector.identity()

    def test_described_fields_carry_their_own_names_and_the_digest_is_stable(self, harness: Harness) -> None:
        schema = harness.connector.describe(harness.kind)
        assert {harness.text, harness.other} <= set(schema.fields)
        assert all(name == spec.name for name, spec in schema.fields.items())
        assert schema.digest() == harness.connector.describe(harness.kind).digest()

    def test_a_choice_is_described_with_its_options(self, harness: Harness) -> None:
        schema = harness.connector.describe(harness.kind)
        choices = {FieldType.CHOICE, FieldType.MULTI_CHOICE}
        for spec in schema.fields.values():
            assert spec.type not in choices or spec.options
            assert spec.type is not FieldType.REFERENCE or spec.targets

    def test_every_step_of_a_check_of_a_sound_account_passes_or_says_why_not(self, harness: Harness) -> None:
        steps = list(harness.connector.check())
        assert steps
        assert len({step.name for step in steps}) == len(steps)
        for step in steps:
            assert step.state is not CheckState.FAILED, step
            assert step.state is CheckState.PASSED or step.reason, step

    def test_a_check_of_a_refused_account_fails_one_step_and_skips_what_needs_it(self, harness: Harness) -> None:
        harness.break_down(AuthError)
        steps = list(harness.connector.check())
        states = [step.state for step in steps]
        assert CheckState.FAILED in states
        failed = steps[states.index(CheckState.FAILED)]
        assert failed.reason
        assert failed.next_step
        later = states[states.index(CheckState.FAILED) + 1 :]
        assert CheckState.PASSED not in later

    # -- reading -------------------------------------------------------------------------------------------------------

    def test_a_read_tells_every_field_asked_for(self, harness: Harness) -> None:
        values = harness.values(1)
        row = harness.create(values)
        schema = harness.connector.describe(harness.kind)
        fields = [name for name, spec in schema.fields.items() if spec.readable]
        record = harness.connector.read(harness.kind, [row], fields)[row]
        assert isinstance(record, Record)
        assert set(record.fields) == set(fields)
        for name, value in values.items():
            if schema.fields[name].readable:
                assert record.fields[name] == value, name

    def test_a_read_of_nothing_asks_nothing(self, harness: Harness) -> None:
        assert dict(harness.connector.read(harness.kind, [], [harness.text])) == {}

    def test_a_read_answers_for_each_id_also_for_those_that_never_were(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        gone = harness.create(harness.values(2))
        harness.delete(gone)
        answer = harness.connector.read(harness.kind, [row, gone, row], [harness.text])
        assert set(answer) == {row, gone}
        assert isinstance(answer[row], Record)
        assert isinstance(answer[gone], Gone)

    def test_an_empty_field_reads_as_none_and_not_as_absent(self, harness: Harness) -> None:
        values = {name: value for name, value in harness.values(1).items() if name != harness.other}
        row = harness.create(values)
        record = harness.connector.read(harness.kind, [row], [harness.text, harness.other])[row]
        assert isinstance(record, Record)
        assert record.fields[harness.other] is None

    def test_a_field_that_may_not_be_read_is_absent(self, harness: Harness) -> None:
        secret = harness.unreadable()
        if secret is None:
            pytest.skip(f"{harness.connector.capabilities.title} hides no fields from us")
        row = harness.create(harness.values(1))
        record = harness.connector.read(harness.kind, [row], [harness.text, secret])[row]
        assert isinstance(record, Record)
        assert secret not in record.fields
        assert harness.connector.describe(harness.kind).fields[secret].readable is False

    def test_times_are_aware(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        record = harness.connector.read(harness.kind, [row], [harness.text])[row]
        assert isinstance(record, Record)
        assert record.modified_at is None or record.modified_at.utcoffset() is not None

    # -- finding -------------------------------------------------------------------------------------------------------

    @needs("match field", lambda kind: kind.match_field is not None)
    def test_a_find_answers_for_every_value(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        known, unknown = self._match(harness, 1), self._match(harness, 99)
        assert [record.ref.id for record in self._find(harness, known)] == [row]
        assert self._find(harness, unknown) == []

    @needs("match field", lambda kind: kind.match_field is not None)
    def test_a_find_compares_without_case(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        assert [record.ref.id for record in self._find(harness, self._match(harness, 1).upper())] == [row]

    @needs("match values that several records may share", several)
    def test_a_find_tells_all_candidates(self, harness: Harness) -> None:
        field = self._match_field(harness)
        first = harness.create(harness.values(1))
        second = harness.create({**harness.values(2), field: self._match(harness, 1)})
        assert {record.ref.id for record in self._find(harness, self._match(harness, 1))} == {first, second}

    @needs("match field", lambda kind: kind.match_field is not None)
    @pytest.mark.parametrize(
        "value", ["x') or (1 eq 1", "*", "%", "a@b.example&email=c@d.example", "' or '1'='1", "a+b"]
    )
    def test_a_hostile_value_finds_only_itself(self, harness: Harness, value: str) -> None:
        harness.create(harness.values(1))
        assert self._find(harness, value) == []
