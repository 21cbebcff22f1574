"""The log of changes: what was acknowledged survives torn lines, killed writers and compactions cut off."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from index_shop import Shop, listing

from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.changes import LOG
from genret.index.index import Index


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(12, 0, tmp_path)


def damage_log(path: Path, how: str) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "flipped":
        lines[2] = lines[2].replace(b'"price":', b'"prize":')
    elif how == "missing":
        del lines[2]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("how", "message"), [("flipped", "line 3: damaged"), ("missing", "line 3: a change is missing")]
)
def test_a_damaged_log_is_an_error(shop: Shop, how: str, message: str) -> None:
    for _ in range(3):
        shop.do("insert", 1)
    shop.index.close()
    damage_log(shop.folder / "index" / LOG, how)
    with pytest.raises(GenretError, match=message):
        Index.open(shop.folder / "index")


def test_the_log_of_another_index_is_refused(shop: Shop) -> None:
    shop.do("insert", 1)
    shop.index.close()
    other = Shop(5, 1, shop.folder / "other")
    shutil.copy(shop.folder / "index" / LOG, other.folder / "index" / LOG)
    with pytest.raises(GenretError, match="changes of another index"):
        Index.open(other.folder / "index")


@pytest.mark.parametrize("keep", [0, 10, -1, -20])
def test_a_torn_change_was_never_made_and_the_next_one_is(shop: Shop, keep: int) -> None:
    """Wherever a crash cut the last line (or the first), the index is that before the change."""
    if keep <= 0:
        shop.do("insert", 2)
    whole = len(shop.truth)
    expected = listing(shop.index.snapshot(), None)
    shop.index.insert([Product("torn", "t")], [[0, 0, 0]], np.zeros((1, 4)))
    shop.index.close()
    log = shop.folder / "index" / LOG
    lines = log.read_bytes().splitlines(keepends=True)
    cut = lines[-1][:keep] if keep else b""
    log.write_bytes(b"".join(lines[:-1]) + cut if keep <= 0 else lines[0][:keep])
    shop.index = Index.open(shop.folder / "index")
    assert len(shop.index) == whole
    assert listing(shop.index.snapshot(), None) == expected
    shop.do("insert", 1)
    shop.index.close()
    assert len(Index.open(shop.folder / "index")) == whole + 1


def test_a_killed_writer_loses_nothing_that_was_acknowledged(shop: Shop) -> None:
    """Another process inserts one product after another, says so, and is killed without warning."""
    program = (
        "import sys, os, numpy as np\n"
        "from genret.index.index import Index\nfrom genret.ground.types import Product\n"
        "index = Index.open(sys.argv[1])\n"
        "for i in range(10**6):\n"
        "    index.insert([Product(f'new{i}', 't')], [[0, 1, 2]], np.zeros((1, 4)))\n"
        "    print(i, flush=True)\n"
    )
    path = str(shop.folder / "index")
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 20:
                break
        with pytest.raises(GenretError, match="another process is changing this index"):
            shop.index.delete("p001")
        writer.kill()
    index = Index.open(path)
    assert all(f"new{i}" in index for i in range(21))
    shop.index.refresh()
    shop.index.delete("p001")
    assert listing(Index.open(path).snapshot(), None) == listing(shop.index.snapshot(), None)


@pytest.mark.parametrize("stage", ["before", "between", "after"])
def test_a_compaction_cut_off_at_any_point_leaves_a_whole_index(shop: Shop, stage: str) -> None:
    """A process that dies before, between or after the two renames that put the new index in place."""
    shop.do("insert", 3)
    expected = listing(shop.index.snapshot(), None)
    program = (
        "import os, sys\n"
        "from genret import artifacts\nfrom genret.index.index import Index\n"
        "real, calls = os.replace, []\n"
        "def replace(source, target):\n"
        "    if any(os.path.basename(path).startswith('.index.') for path in (source, target)):\n"
        "        calls.append(source)\n"
        "        if len(calls) == {'before': 1, 'between': 2}.get(sys.argv[2]):\n"
        "            os._exit(9)\n"
        "    real(source, target)\n"
        "    if len(calls) == 2:\n"
        "        os._exit(9)\n"
        "artifacts.os.replace = replace\n"
        "Index.open(sys.argv[1]).compact()\n"
    )
    shop.index.close()
    died = subprocess.run([sys.executable, "-c", program, str(shop.folder / "index"), stage], check=False)
    assert died.returncode == 9
    assert (shop.folder / "index").exists() == (stage != "between")
    index = Index.open(shop.folder / "index")
    assert listing(index.snapshot(), None) == expected
    assert index.pending == (0 if stage == "after" else 3)
    index.delete("p001")
    index.compact()
    assert listing(Index.open(shop.folder / "index").snapshot(), None) == listing(index.snapshot(), None)
    assert [path.name for path in shop.folder.iterdir()] == ["index"]


def test_two_writers_in_turn_must_see_each_other(shop: Shop) -> None:
    other = Index.open(shop.folder / "index")
    shop.do("delete", 1)
    shop.index.close()
    with pytest.raises(GenretError, match="refresh"):
        other.delete("p001")
    other.refresh()
    before = len(other)
    other.delete(next(iter(shop.truth)))
    assert len(other) == before - 1


def test_the_log_can_be_read_by_eye(shop: Shop) -> None:
    shop.do("delete", 1)
    lines = (shop.folder / "index" / LOG).read_text().splitlines()
    assert json.loads(lines[0][9:]) == {"changes_of": shop.index.artifact.fingerprint}
    assert json.loads(lines[1][9:])["op"] == "delete"
