"""The log of an index's changes: a file that only grows, one checked line a change. Knows products and codes: no trie.

A line is a CRC-32 in hexadecimal, a space, and a JSON object; the first line names the index that the changes belong
to. A line is on the disk (fsync) before its change is visible. A last line that a crash cut short was never visible:
it is left out, and overwritten by the next change. Any other line that does not check is an error.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from genret.ground.artifacts import sync
from genret.ground.errors import GenretError
from genret.ground.types import Product

LOG = "changes.log"
Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]
Kind: TypeAlias = Literal["insert", "update", "delete"]


class Change(NamedTuple):
    """One change: products that come or are replaced, with their semantic IDs and embeddings, or ids that go."""

    kind: Kind
    ids: Sequence[str]
    products: Sequence[Product] = ()
    codes: Ints = np.zeros((0, 0), np.int64)
    """(n, L), a row a product."""
    embeddings: Floats | None = None
    """(n, D), in an index that holds embeddings."""


class ChangeLog:
    """The log beside one index, open for reading; for writing from the first `append` on, by one process at a time."""

    def __init__(self, path: Path, index: str) -> None:
        """`index` is the fingerprint of the index that the log belongs to."""
        self.path, self._index = path, index
        self._end, self._count = 0, 0  # of what was read and checked
        self._file: Any = None

    def read(self) -> Iterator[Change]:
        """The changes since the last `read` or `append`, oldest first. A GenretError where the log is damaged."""
        if not self.path.exists():
            return
        with open(self.path, "rb") as file:
            file.seek(self._end)
            for line in file:
                value = _checked(line)
                if value is None:
                    if file.read(1):
                        raise GenretError(
                            f"{self.path}, line {self._count + 1}: damaged; restore it, or delete the log"
                        )
                    return
                self._accept(value)
                self._end += len(line)
                if "changes_of" not in value:
                    yield _change(value)

    def append(self, change: Change) -> None:
        """Write the change to the disk; when this returns, it is safe. If it fails, the log is as it was."""
        file = self._opened()
        data = _line({**_value(change), "number": self._count})
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(self._end)
            raise GenretError(f"{self.path}: cannot write the change ({error.strerror}); nothing was changed") from None
        self._end += len(data)
        self._count += 1

    def close(self) -> None:
        """Let another process write."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def nbytes(self) -> int:
        return self._end

    def _accept(self, value: Mapping[str, Any]) -> None:
        """Check that this line is the one to come next."""
        if self._count == 0 and value.get("changes_of") != self._index:
            raise GenretError(f"{self.path} holds changes of another index; move it away")
        if self._count and value.get("number") != self._count:
            raise GenretError(f"{self.path}, line {self._count + 1}: a change is missing before it; restore the log")
        self._count += 1

    def _opened(self) -> Any:
        """The file, locked against other writers, cut to what was checked, with its first line written."""
        if self._file is None:
            file = open(self.path, "ab")  # noqa: SIM115 (it stays open)
            _lock(file, self.path)
            if self._is_behind():
                file.close()
                raise GenretError(f"{self.path}: another process has changed the index; refresh() and try again")
            file.truncate(self._end)
            self._file = file
            if self._count == 0:
                self._start(file)
        return self._file

    def _is_behind(self) -> bool:
        """Whether the file holds changes that were not read yet."""
        ahead = ChangeLog(self.path, self._index)
        ahead._end, ahead._count = self._end, self._count
        return next(ahead.read(), None) is not None

    def _start(self, file: Any) -> None:
        data = _line({"changes_of": self._index})
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        sync(self.path.parent)  # the new file's name
        self._end, self._count = len(data), 1


def _line(value: Mapping[str, Any]) -> bytes:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %b\n" % (zlib.crc32(data), data)


def _checked(line: bytes) -> dict[str, Any] | None:
    """The object of a whole and right line, else None."""
    crc, _, data = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or crc != b"%08x" % zlib.crc32(data):
        return None
    return dict(json.loads(data))


def _value(change: Change) -> dict[str, Any]:
    if change.kind == "delete":
        return {"op": change.kind, "ids": list(change.ids)}
    vectors = change.embeddings
    packed = None if vectors is None else base64.b64encode(vectors.astype("<f4").tobytes()).decode()
    products = [{**product._asdict(), "attributes": dict(product.attributes)} for product in change.products]
    return {"op": change.kind, "products": products, "codes": change.codes.tolist(), "embeddings": packed}


def _change(value: Mapping[str, Any]) -> Change:
    if value["op"] == "delete":
        return Change("delete", value["ids"])
    products = [_product(row) for row in value["products"]]
    vectors = value["embeddings"]
    if vectors is not None:
        vectors = np.frombuffer(base64.b64decode(vectors), "<f4").reshape(len(products), -1)
    codes = np.array(value["codes"], np.int64)
    return Change(value["op"], [product.id for product in products], products, codes, vectors)


def _product(row: Mapping[str, Any]) -> Product:
    return Product(**{**row, "category": tuple(row["category"]), "stores": tuple(row["stores"])})


def _lock(file: Any, path: Path) -> None:
    """Keep other processes from writing; where the system has no such locks, that is up to the caller."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise GenretError(f"{path}: another process is changing this index; close that one first") from None
