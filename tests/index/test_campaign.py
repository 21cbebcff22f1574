"""Processes that change, compact and read one index at once, killed at random: short here, an hour under `slow`."""

from __future__ import annotations

from pathlib import Path

import pytest
from index_campaign import campaign


def test_nothing_is_lost_or_mixed_up_in_company(tmp_path: Path) -> None:
    done = campaign(tmp_path, 5.0, 0)
    assert done["kills"] >= 4


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_nothing_is_lost_or_mixed_up_in_company_for_an_hour(tmp_path: Path) -> None:
    done = campaign(tmp_path, 3600.0, 1)
    assert done["compactions"]["written"] > 50
