"""Files of rows, written for a test, and what reading one says."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genret.data import read_catalogue
from genret.ground.errors import GenretError

CSV_ROW = (
    'p1,Tomato basil pasta sauce,Pantry > Pasta Sauces > Marinara,Rosso,"Slow-cooked, with basil.",24 oz,true,'
    "3.5,no,north|south,12"
)
CSV_HEADER = "id,title,category,brand,description,size,organic,price,available,stores,popularity"


def write(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def refusal(path: Path, read: Callable[..., object] = read_catalogue, **options: Any) -> str:
    with pytest.raises(GenretError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)
