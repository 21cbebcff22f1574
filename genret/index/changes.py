"""One change of an index, and the bytes that stand for it in the store.

A change is products that come, each in place of the one with its id, or ids that go. Its bytes are an Arrow record
batch without the schema, which the index's shape determines; a digest over number and bytes tells damage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from genret.data.records import PRODUCT_SCHEMA, product_table
from genret.ground.arrays import Ints

Floats: TypeAlias = npt.NDArray[Any]
LIVE = "live.arrow"
"""A generation's file of what came and went since the index was built from its data."""
PIECE, PIECE_BYTES = 4096, 64 << 20
"""What one row of the store holds at most: products, and, where it holds several, bytes."""
DIGEST_BYTES = 16
PUT, DELETE = "put", "delete"
IDS = pa.schema([("id", pa.string())])


class Shape(NamedTuple):
    """What all products of one index have in common."""

    levels: int
    width: int
    """Of the embeddings; 0 in an index that holds none."""

    @property
    def schema(self) -> pa.Schema:
        """The columns of products that come."""
        return _schema(self)


@lru_cache(8)
def _schema(shape: Shape) -> pa.Schema:
    codes = pa.field("codes", pa.list_(pa.uint16(), shape.levels))
    vector = [pa.field("vector", pa.list_(pa.float32(), shape.width))] if shape.width else []
    return pa.schema([*PRODUCT_SCHEMA, codes, *vector])


class Change(NamedTuple):
    """Products that come or are replaced, with their semantic IDs and embeddings; or, without `table`, ids that go."""

    ids: Sequence[str]
    table: pa.Table | None = None
    """The n products as columns of `PRODUCT_SCHEMA`, one row per id."""
    codes: Ints = np.zeros((0, 0), np.int64)
    """(n, L), one row per product."""
    embeddings: Floats | None = None
    """(n, D) float32, in an index that holds embeddings."""

    @property
    def kind(self) -> str:
        return DELETE if self.table is None else PUT

    def pieces(self) -> Iterator[Change]:
        """The same in changes that each fit a row of the store."""
        if len(self.ids) == 1:
            yield self
            return
        size = 1 if self.table is None else max(1, self.table.nbytes // max(1, len(self.ids)))
        size = max(1, min(PIECE, PIECE_BYTES // size))
        for start in range(0, len(self.ids), size):
            part = slice(start, start + size)
            if self.table is None:
                yield Change(self.ids[part])
            else:
                vectors = None if self.embeddings is None else self.embeddings[part]
                yield Change(self.ids[part], self.table.slice(start, size), self.codes[part], vectors)


def encoded(change: Change, shape: Shape) -> bytes:
    """The bytes of a change."""
    if change.table is None:
        return bytes(pa.record_batch([pa.array(change.ids, pa.string())], schema=IDS).serialize())
    return bytes(_batch(change, shape).serialize())


def decoded(kind: str, body: bytes, shape: Shape) -> Change:
    """The change that `encoded` gave bytes to."""
    if kind == DELETE:
        return Change(pa.ipc.read_record_batch(pa.py_buffer(body), IDS)["id"].to_pylist())
    batch = pa.ipc.read_record_batch(pa.py_buffer(body), shape.schema)
    return from_table(pa.Table.from_batches([batch]), shape)


def from_table(table: pa.Table, shape: Shape) -> Change:
    """The change of products that come, from the columns of `shape.schema`."""
    count = table.num_rows
    codes = whole(table["codes"]).flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    vectors = whole(table["vector"]).flatten().to_numpy(zero_copy_only=False) if shape.width else None
    return Change(
        table["id"].to_pylist(),
        table.select(PRODUCT_SCHEMA.names),
        codes.reshape(count, shape.levels),
        None if vectors is None else vectors.reshape(count, shape.width),
    )


def digest(*parts: object) -> bytes:
    """What the store keeps beside a row to tell whether it is as it was written."""
    result = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        result.update(part if isinstance(part, bytes) else f"{part}\0".encode())
    return result.digest()


def merged(changes: Iterable[Change]) -> list[Change]:
    """What each product came to in the end: the ids that went, and the products that came; each id once."""
    changes = list(changes)
    if len(changes) < 2:
        return changes
    puts = [change for change in changes if change.table is not None]
    ids = [one for put in puts for one in put.ids]
    if len(puts) == len(changes) and len(set(ids)) == len(ids):  # nothing went, nothing came twice
        return [_joined(puts, ids, None)]
    last: dict[str, int] = {}  # id -> its row among all that came, -1 if it went
    count = 0
    for change in changes:
        if change.table is None:
            last |= dict.fromkeys(change.ids, -1)
        else:
            last.update(zip(change.ids, range(count, count + len(change.ids)), strict=True))
            count += len(change.ids)
    rows = np.fromiter(last.values(), np.int64, len(last))
    gone = [one for one, row in last.items() if row < 0] if (rows < 0).any() else []
    rows = np.sort(rows[rows >= 0])
    found = [Change(gone)] if gone else []
    return [*found, _joined(puts, ids, rows)] if len(rows) else found


def _joined(puts: Sequence[Change], ids: Sequence[str], rows: Ints | None) -> Change:
    """The given rows, ascending, of all that came, whose ids these are; all of them where `rows` is None."""
    table = pa.concat_tables([put.table for put in puts]).combine_chunks()
    codes, vectors = np.concatenate([put.codes for put in puts]), None
    if puts[0].embeddings is not None:
        vectors = np.concatenate([put.embeddings for put in puts if put.embeddings is not None])
    if rows is None or len(rows) == len(ids):
        return Change(ids, table, codes, vectors)
    kept = np.array(ids, object)[rows].tolist()
    return Change(kept, table.take(pa.array(rows)), codes[rows], None if vectors is None else vectors[rows])


def whole(column: Any) -> Any:
    """A table's column as one array; that of one piece is not copied."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        return array.chunk(0) if array.num_chunks else pa.array([], column.type)
    return array


def taken(tables: Sequence[pa.Table], places: Ints) -> pa.Table:
    """The rows at these places of tables that stand for one."""
    table = pa.concat_tables(tables) if tables else product_table([])
    return table.take(pa.array(places, pa.int64()))


def write_live(changes: Sequence[Change], path: Path, shape: Shape) -> None:
    """Write merged changes as one Arrow file: products that came, and ids that went, with nulls beside them."""
    tables = [shape.schema.empty_table()]
    for change in changes:
        if change.table is None:
            tables.append(pa.table({"id": pa.array(change.ids, pa.string())}))
        else:
            tables.append(pa.Table.from_batches([_batch(change, shape)]))
    table = pa.concat_tables(tables, promote_options="default").cast(shape.schema)
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, shape.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=PIECE)


def read_live(source: Any, shape: Shape) -> list[Change]:
    """What `write_live` wrote."""
    table = pa.ipc.open_file(source).read_all()
    went = pc.is_null(table["title"])
    gone = Change(table.filter(went)["id"].to_pylist())
    return merged([gone, from_table(table.filter(pc.invert(went)), shape)])


def _matrix(rows: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """(n, W) as a list column."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1), kind), rows.shape[1])


def _batch(change: Change, shape: Shape) -> pa.RecordBatch:
    """The products that come, as columns of `shape.schema`."""
    assert change.table is not None
    columns = [whole(column) for column in change.table.columns]
    columns.append(_matrix(change.codes.astype(np.uint16), pa.uint16()))
    if shape.width:
        assert change.embeddings is not None
        columns.append(_matrix(change.embeddings.astype(np.float32), pa.float32()))
    return pa.record_batch(columns, schema=shape.schema)
