"""The products of a generation, read from their Parquet file as far as they are asked for.

The first search after an index was opened shows a few products, and changes ask for ids and popularity: they wait for
some row groups and for two columns, not for all. All are read for a filter, and once an eighth of the groups were: more
would let many searches wait for a group each.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genret.data.records import Catalogue
from genret.ground.arrays import Ints
from genret.ground.types import Product
from genret.index.changes import whole

PART = 8
"""Once one of so many groups was read, all are."""


class StoredProducts:
    """The file, memory-mapped at once, and what was read of it. Safe to share between threads.

    It knows no `Base`, so that whoever reads products holds no generation, and keeps none from being removed.
    """

    def __init__(self, path: Path) -> None:
        self._file = pa.memory_map(str(path))
        self._columns: dict[str, Any] = {}
        self._groups: dict[int, Catalogue] = {}

    @cached_property
    def catalogue(self) -> Catalogue:
        """All of them."""
        found = Catalogue(self._reader().read())  # read_table would import pandas
        self._groups, self._columns = {}, {}
        return found

    def column(self, name: str) -> Any:
        """The values of one column, as one array."""
        if "catalogue" in self.__dict__:
            return whole(self.catalogue.table[name])
        found = self._columns.get(name)
        if found is None:
            found = self._columns[name] = whole(self._reader().read(columns=[name])[name])
        return found

    def at(self, rows: Ints) -> list[Product]:
        """The products of (n,) rows, in their order."""
        if "catalogue" in self.__dict__:
            return self.catalogue.at(rows)
        group = np.searchsorted(self._starts, rows, "right") - 1
        if PART * len(self._groups.keys() | group.tolist()) >= len(self._starts):
            return self.catalogue.at(rows)
        found: dict[int, Product] = {}
        for one in np.unique(group).tolist():
            own = rows[group == one]
            found.update(zip(own.tolist(), self._group(one).at(own - self._starts[one]), strict=True))
        return [found[row] for row in rows.tolist()]

    @cached_property
    def _metadata(self) -> Any:
        return pq.ParquetFile(self._file).metadata

    @cached_property
    def _starts(self) -> Ints:
        """Where each row group begins."""
        counts = [self._metadata.row_group(i).num_rows for i in range(self._metadata.num_row_groups)]
        return np.cumsum([0, *counts])[:-1]

    def _group(self, number: int) -> Catalogue:
        found = self._groups.get(number)
        if found is None:
            found = self._groups[number] = Catalogue(self._reader().read_row_group(number))
        return found

    def _reader(self) -> Any:
        """One for each who reads: it is not to be shared between threads."""
        return pq.ParquetFile(self._file, metadata=self._metadata)
