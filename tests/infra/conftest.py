"""The simulators of the app's own tests."""

from tests.app.conftest import sims

__all__ = ["sims"]
