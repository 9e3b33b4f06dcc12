"""Fixtures of the Marketo simulator's own tests."""

from __future__ import annotations

import pytest

from tests.wire.marketo.vendor import Vendor


@pytest.fixture
def vendor() -> Vendor:
    """A fresh subscription."""
    return Vendor()
