"""What a connector does when its system fails. See `tests.contract.connector_contract`."""

from __future__ import annotations

import pytest

from shared.domain.records import Record
from shared.errors import AuthError, SyncError, Throttled, Transient
from shared.ports.connector import (
    Outcome,
)
from tests.contract.promises.ground import (
    Harness,
    Promises,
    needs,
    updates,
)


class Trouble(Promises):
    """See the module."""

    @pytest.mark.parametrize("error", [Transient, Throttled, AuthError])
    def test_a_failing_request_raises_the_class_the_runtime_acts_on(
        self, harness: Harness, error: type[SyncError]
    ) -> None:
        row = harness.create(harness.values(1))
        harness.break_down(error)
        with pytest.raises(error) as raised:
            harness.connector.read(harness.kind, [row], [harness.text])
        if isinstance(raised.value, Throttled):
            assert raised.value.retry_after > 0
        harness.break_down(None)
        assert isinstance(harness.connector.read(harness.kind, [row], [harness.text])[row], Record)

    @pytest.mark.parametrize("error", [Transient, Throttled, AuthError])
    @needs("update", updates)
    def test_a_write_that_was_not_taken_says_so_and_changes_nothing(
        self, harness: Harness, error: type[SyncError]
    ) -> None:
        row = harness.create(harness.values(1))
        write = self._update(harness, row, {harness.text: "ours"})
        harness.break_down(error)
        try:
            outcomes = {result.outcome for result in harness.connector.write([write])}
        except error:
            outcomes = {Outcome.NOT_TRIED}
        harness.break_down(None)
        assert outcomes <= {Outcome.NOT_TRIED, Outcome.UNKNOWN}
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == harness.values(1)[harness.text]

    @needs("update", updates)
    def test_a_lost_answer_is_unknown_and_never_an_exception(self, harness: Harness) -> None:
        row = harness.create(harness.values(1))
        write = self._update(harness, row, {harness.text: "ours"})
        harness.lose_next_answer()
        (result,) = harness.connector.write([write])
        assert result.outcome is Outcome.UNKNOWN
        stored = harness.stored(row)
        assert stored is not None
        assert stored[harness.text] == "ours"

    def test_writing_nothing_answers_nothing(self, harness: Harness) -> None:
        assert list(harness.connector.write([])) == []
