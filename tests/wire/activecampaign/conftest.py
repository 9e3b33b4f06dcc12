"""Fixtures of the ActiveCampaign simulator's own tests."""

from __future__ import annotations

import pytest

from tests.wire.activecampaign.vendor import Vendor


@pytest.fixture
def vendor() -> Vendor:
    """A fresh account."""
    return Vendor()
