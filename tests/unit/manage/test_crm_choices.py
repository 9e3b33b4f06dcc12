"""What people choose one of, where some of it may not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from shared.desk import Desk
from shared.domain.connection import ConnectionConfig
from shared.domain.records import Kind, Ref, RemoteId
from shared.errors import AuthError

USERS, TEAMS = Kind("systemuser"), Kind("team")
CONFIG = ConnectionConfig(id="c1", name="Test", system="marketo", crm={}, partner={})


class App:
    """Stands in for the application: rows by kind, or the code of the refusal. `given_back` counts budgets."""

    def __init__(self, rows: Mapping[Kind, Sequence[str] | str]) -> None:
        self.rows, self.given_back = rows, 0

    def crm(self, connection: ConnectionConfig, *, also: Sequence[Kind]) -> App:
        assert connection is CONFIG
        assert list(also) == list(self.rows)
        return self

    def choices(self, kind: Kind, most: int) -> list[tuple[Ref, str]]:
        found = self.rows[kind]
        if isinstance(found, str):
            raise AuthError(f"{kind} may not be read", code=found)
        return [(Ref(kind, RemoteId(name)), name) for name in found][:most]

    @contextmanager
    def asking(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.given_back += 1


def choices(app: App, most: int = 10) -> list[str]:
    wired: Any = app
    return [title for _, title in Desk(wired).crm_choices(CONFIG, list(app.rows), most)]


def test_all_that_may_be_read_is_offered_up_to_the_most() -> None:
    app = App({USERS: ["a", "b"], TEAMS: ["c"]})
    assert (choices(app), choices(app, 2)) == (["a", "b", "c"], ["a", "b"])
    assert app.given_back == 2


@pytest.mark.parametrize(("users", "teams"), [(["a"], "missing_privilege"), ("missing_privilege", ["a"])])
def test_a_kind_that_may_not_be_read_is_left_out(users: Any, teams: Any) -> None:
    app = App({USERS: users, TEAMS: teams})
    assert choices(app) == ["a"]
    assert app.given_back == 1


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ({USERS: "missing_privilege", TEAMS: "missing_privilege"}, "missing_privilege"),
        ({USERS: ["a"], TEAMS: "no_app_user"}, "no_app_user"),
    ],
)
def test_a_refusal_of_everything_is_told(rows: Any, code: str) -> None:
    app = App(rows)
    with pytest.raises(AuthError) as refused:
        choices(app)
    assert refused.value.code == code
    assert app.given_back == 1
