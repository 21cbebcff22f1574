"""An index of genret 0.1's first format, a folder with a manifest and a log of changes, turned into one with a store.

The files become the first generation (as hard links where the system has them), the log's changes the store's; the
store's renaming is the moment at which the index is the new one. Cut off before it, the old index is untouched; after
it, only old names are left, which the next opening removes.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from genret.data.records import product_table
from genret.ground.artifacts import MANIFEST, Artifact, read_artifact, read_json, sync, write_artifact
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.changes import Change, Shape, encoded
from genret.index.generations import folder_of, numbers
from genret.index.store import STORE, Row, State, Store, lineage_of

KIND = "index"
LOG = "changes.log"


def take_over(folder: Path) -> None:
    """Turn an index of the first format at `folder` over, or finish that; for whoever writes generations alone."""
    if not (folder / MANIFEST).exists():
        return
    if not (folder / STORE).exists():
        with _nobody_writes(folder / LOG):
            _turn_over(folder)
    _remove_old(folder)


def _turn_over(folder: Path) -> None:
    old = read_artifact(folder, KIND)
    width = 0
    if "embeddings.npy" in old.files:
        width = np.load(old.file("embeddings.npy"), mmap_mode="r", allow_pickle=False).shape[1]
    sizes = old.settings["codebook_sizes"]
    shape = Shape(len(sizes), int(width))
    changes = list(_logged(folder / LOG, old.fingerprint))
    number = max(numbers(folder), default=0) + 1
    new = _linked(old, folder_of(folder, number))
    pieces = [piece for change in changes for piece in change.pieces()]
    rows = [Row(i, piece.kind, encoded(piece, shape)) for i, piece in enumerate(pieces, start=1)]
    state = State(
        generation=number,
        base=0,
        last=len(rows),
        allocated=number,
        fingerprint=new.fingerprint,
        inputs=dict(new.inputs),
        lineage=lineage_of(new.inputs, sizes, shape.width),
        levels=shape.levels,
        width=shape.width,
        migrated=True,
    )
    Store.create(folder / STORE, state, rows)


def _linked(old: Artifact, path: Path) -> Artifact:
    with write_artifact(path, KIND, old.settings, old.inputs, durable=True) as target:
        for name in old.files:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(old.path / name, target / name)
            except OSError:
                shutil.copy2(old.path / name, target / name)
    return read_artifact(path, KIND, verify=False)


def _remove_old(folder: Path) -> None:
    """The first format's names, its manifest last: it says which they are."""
    with suppress(GenretError):
        for name in read_json(folder / MANIFEST)["files"]:
            (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "trie", ignore_errors=True)
    (folder / LOG).unlink(missing_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    sync(folder)


@contextmanager
def _nobody_writes(log: Path) -> Iterator[None]:
    """The log, locked as the first format's writers lock it."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    if not log.exists():
        yield
        return
    with open(log, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise GenretError(f"{log}: an earlier genret is changing this index in another process; stop it") from None
        yield


def _logged(log: Path, index: str) -> Iterator[Change]:
    """The log's changes, oldest first. A last line that a crash cut short was never made."""
    if not log.exists():
        return
    lines = log.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        value = _checked(line)
        if value is None:
            if number < len(lines) - 1:
                raise GenretError(f"{log}, line {number + 1}: damaged; restore it, or delete the log")
            return
        if number == 0 and value.get("changes_of") != index:
            raise GenretError(f"{log} holds changes of another index; move it away")
        if number and value.get("number") != number:
            raise GenretError(f"{log}, line {number + 1}: a change is missing before it; restore the log")
        if number:
            yield _change(value)


def _checked(line: bytes) -> dict[str, Any] | None:
    """The object of a whole and right line, else None."""
    crc, _, data = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or crc != b"%08x" % zlib.crc32(data):
        return None
    return dict(json.loads(data))


def _change(value: Mapping[str, Any]) -> Change:
    if value["op"] == "delete":
        return Change(value["ids"])
    products = [Product.of(row) for row in value["products"]]
    vectors = value["embeddings"]
    if vectors is not None:
        vectors = np.frombuffer(base64.b64decode(vectors), "<f4").reshape(len(products), -1)
    codes = np.array(value["codes"], np.int64)
    return Change([product.id for product in products], product_table(products), codes, vectors)
