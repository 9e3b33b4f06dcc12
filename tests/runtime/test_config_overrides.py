"""App settings replace keys of host.json, as on the real host."""

from __future__ import annotations

from pathlib import Path

import pytest

from localhost.config import load_host_config
from localhost.errors import HostError


def test_an_app_setting_replaces_a_key_of_host_json(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"queues": {"batchSize": 8}}}')
    settings = {
        "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:03",
        "AzureFunctionsJobHost__extensions__queues__batchSize": "2",
        "Unrelated": "1",
    }
    queues = load_host_config(tmp_path, settings).queues
    assert (queues.batch_size, queues.visibility_timeout) == (2, 3.0)


def test_a_wrong_override_is_named_like_a_wrong_key(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    with pytest.raises(HostError, match="visibilityTimeout"):
        load_host_config(tmp_path, {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "soon"})
