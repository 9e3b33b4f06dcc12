"""A connection that stopped: the Overview says why in the reader's words, and where a person goes on."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.app.test_bad_input import tracking
from tests.app.test_operations import broken
from tests.page.conftest import Opening, World
from tests.page.looks import violations

pytestmark = [pytest.mark.storage, pytest.mark.xdist_group("page-two")]


@pytest.mark.feature("HUB-22.1")
def test_a_stop_is_said_in_the_readers_words_and_leads_to_where_it_is_resumed(tabs: Opening, world: World) -> None:
    connection = world.begun(people=2)
    tracking(world, on=False)
    try:
        world.advance(3600)
        stopped = broken(world, connection)
        assert stopped["code"] == "change_tracking_off"
        with tabs(locale="es-ES") as tab:
            tab.open(f"?connection={connection}")
            state = tab.page.get_by_role("region", name="Estado")
            state.get_by_text("El seguimiento de cambios está desactivado").wait_for()
            expect(state).to_contain_text("Detenida")
            expect(state).to_contain_text("Actívalo en la tabla indicada y reanuda.")
            expect(state).to_contain_text(stopped["message"])  # the app's own words name the table
            assert violations(tab) == []
            tab.shot("stopped-es-light-1280")
            state.get_by_role("link", name="Continuar en la configuración de sincronización").click()
            tab.page.locator("h1", has_text="Configuración de sincronización").wait_for()
        with tabs(user="reader") as tab:
            tab.open(f"?connection={connection}")
            tab.page.get_by_text("Change tracking is switched off").wait_for()
            expect(tab.page.get_by_role("link", name="Go on in the sync settings")).to_have_count(0)
    finally:
        tracking(world, on=True)
