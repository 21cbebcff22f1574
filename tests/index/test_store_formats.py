"""An index whose changes lie in a log, the earlier format, is turned over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from index_shop import Shop, old_format, product

from genret.ground.errors import GenretError
from genret.index.index import Index

# The earlier format.


@pytest.fixture
def old(shop: Shop) -> Shop:
    """A shop whose index is of the first format; `truth` is what it holds."""
    shop.index.close()
    rng = np.random.default_rng(5)
    new, changed, gone = shop.fresh(2), shop.some(3), shop.some(12)[5:7]
    moved = [(product(int(one[1:]), rng), [1, 1, 1], shop.vector()) for one in changed if one not in gone]
    put = [
        (kind, [row[0] for row in rows], [row[1] for row in rows], np.array([row[2] for row in rows]))
        for kind, rows in (("insert", new), ("update", moved))
    ]
    none = np.zeros((0, 4))
    old_format(shop.folder / "index", [*put, ("delete", [shop.truth[one][0] for one in gone], [], none)])
    shop.truth |= {row[0].id: row for row in [*new, *moved]}
    for one in gone:
        del shop.truth[one]
    return shop


def held(shop: Shop) -> bool:
    found = Index.open(shop.folder / "index")
    catalogue, codes, vectors = found.contents()
    assert vectors is not None
    found.close()
    rows = zip(catalogue, codes.tolist(), vectors, strict=True)
    return {one.id: (one, code, vector.tolist()) for one, code, vector in rows} == {
        key: (one, code, vector.tolist()) for key, (one, code, vector) in shop.truth.items()
    }


def test_an_index_of_the_first_format_is_turned_over(old: Shop) -> None:
    path = old.folder / "index"
    with open(path / "changes.log", "ab") as file:
        file.write(b'00c0ffee {"op":"delete","ids":["p0')  # cut short by a crash: never made
    assert held(old)
    assert not {"manifest.json", "changes.log", "trie", "products.parquet"} & set(os.listdir(path))
    index = Index.open(path)
    assert index.pending > 0
    assert index.compact().outcome == "written"
    assert held(old)


@pytest.mark.parametrize("line", [1, 2])
def test_a_damaged_log_of_the_first_format_is_named(old: Shop, line: int) -> None:
    log = old.folder / "index" / "changes.log"
    lines = log.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"op"', b'"OP"')
    log.write_bytes(b"".join(lines))
    with pytest.raises(GenretError, match=f"changes.log, line {line + 1}: damaged"):
        Index.open(old.folder / "index")


def test_a_writer_of_the_first_format_is_not_overtaken(old: Shop) -> None:
    import fcntl

    with open(old.folder / "index" / "changes.log", "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(GenretError, match="an earlier genret is changing this index"):
            Index.open(old.folder / "index")
    assert held(old)


def test_turning_over_that_is_cut_off_anywhere_loses_nothing(old: Shop) -> None:
    """A process that dies at the n-th call of the file system, for every n."""
    whole, path = old.folder / "whole", old.folder / "index"
    path.rename(whole)
    status, at = 9, 0
    while status == 9:
        at += 1
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(whole, path)
        child = os.fork()
        if child == 0:
            die_at(at)
            Index.open(path)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert held(old)
    assert status == 0
    assert at > 20


def die_at(number: int) -> None:
    """End this process, without warning, at its n-th call of the file system from now on."""
    left = iter(range(number, 0, -1))

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            if next(left) == 1:
                os._exit(9)
            return real(*args, **options)

        return call

    for name in ("link", "replace", "mkdir", "unlink", "rmdir", "fsync"):
        setattr(os, name, dying(getattr(os, name)))
