"""An index of a small shop that changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from index_shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(12, 0, tmp_path)
