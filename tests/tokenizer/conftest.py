"""The clustered catalogue, and one thread, for the tests of the tokenizer."""

from __future__ import annotations

import pytest
import torch
from clustered import Clustered, make_clustered


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # byte-for-byte equality holds for a number of threads


@pytest.fixture(scope="session")
def clustered() -> Clustered:
    return make_clustered()
