"""The OpenAPI document against the server: whatever fits the document is answered as it says, and never by a 5xx."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from served import Server

schemathesis = pytest.importorskip("schemathesis", reason="install it: pip install -e '.[dev]'")


@pytest.fixture
def api(server: Server) -> Any:
    config = schemathesis.Config.from_dict(
        {
            "seed": 0,
            "request-timeout": 60,
            "checks": {
                # what fits the document may still name nothing, or be a filter that does not parse: refused in words
                "positive_data_acceptance": {"expected-statuses": ["2xx", "404", "409", "422", "429"]},
                # ... and what does not fit may be too long to be read at all (413)
                "negative_data_rejection": {"expected-statuses": REFUSED},
                "missing_required_header": {"enabled": False},
            },
        }
    )
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)


REFUSED = ["400", "401", "404", "405", "413", "415", "422", "429"]
PATIENCE_MS = 60_000
"""The longest deadline of the document: one that passes is a 504, as it says, and a busy machine's affair."""
SETTINGS = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_the_server_keeps_to_its_document(api: Any, server: Server) -> None:
    operations = [found.ok() for found in api.get_all_operations()]
    assert len(operations) >= 14
    for operation in operations:
        for mode in schemathesis.GenerationMode:
            strategy = operation.as_strategy(generation_mode=mode)

            @SETTINGS
            @given(case=strategy)
            def check(case: Any) -> None:
                if isinstance(case.body, dict) and isinstance(case.body.get("timeout_ms"), int):
                    case.body["timeout_ms"] = max(case.body["timeout_ms"], PATIENCE_MS)
                case.call_and_validate()

            with suppress(Unsatisfiable):  # nothing is asked of the route that could be asked wrongly
                check()
    assert not [line for line in server.log() if line["event"] == "defect"]
