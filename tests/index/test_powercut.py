"""Power cuts at any moment: what was acknowledged of an index is there, and no change in half."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import index_campaign
import pytest
from index_campaign import Versions, check
from index_powercut import Disk, traced

from genret.ground.errors import GenretError
from genret.index.index import Index

PROGRAM = """
import os, sys, json
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from index_campaign import after, build, make
from genret.index.index import Index
folder, known = Path(sys.argv[1]), {}
build(folder, known)
os.write(1, b"done 0\\n")
index = Index.open(folder)
for number, op in enumerate(json.loads(sys.argv[3]), start=1):
    if op is None:
        index.compact()
    else:
        with index.changing() as change:
            make(change, op, known)
        known = after(known, op)
    os.write(1, b"done %d\\n" % number)
    if number == 6:
        index.close()
"""
OPS: list[Versions | None] = [
    {"a-0": 1, "a-1": 1}, {"a-2": 2}, None, {"a-0": 3, "a-1": 0}, {"a-3": 4}, {"a-3": 5}, None, {"a-4": 6}, None,
    {"a-0": 0},
]  # fmt: skip


def can_trace() -> bool:
    return bool(shutil.which("strace")) and not subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"]).returncode


def states() -> list[Versions]:
    """The groups after each operation."""
    found: list[Versions] = [{}]
    for op in OPS:
        found.append(found[-1] if op is None else index_campaign.after(found[-1], op))
    return found


def cuts(tmp_path: Path, count: int) -> dict[str, int]:
    import json

    root = tmp_path / "disk"
    root.mkdir()
    calls = traced(PROGRAM, str(root / "index"), str(Path(__file__).parents[1]), json.dumps(OPS), cwd=tmp_path)
    rng, expected, said = random.Random(0), states(), {"before": 0, "after": 0, "none": 0}
    disk, done = Disk(root), -1
    first = next(i for i, call in enumerate(calls) if any(str(root).encode() in a for a in call.args if _is_bytes(a)))
    every = max(1, (len(calls) - first) // count)
    for number, call in enumerate(calls):
        text = disk.replay(call)
        done = int(text.split()[1]) if text.startswith("done") else done
        if number >= first and (number - first) % every == 0:
            target = tmp_path / "after"
            shutil.rmtree(target, ignore_errors=True)
            disk.cut(target, rng)
            said[outcome(target / "index", done, expected)] += 1
    assert done == len(OPS)
    return said


def outcome(path: Path, done: int, expected: list[Versions]) -> str:
    """Whether the index is as after the last operation that was acknowledged, or the next; before the first, none."""
    try:
        index = Index.open(path)
    except GenretError:
        assert done < 0
        return "none"
    found = check(index.snapshot())
    index.close()
    if done >= 0 and found == expected[done]:
        return "before"
    assert found == expected[done + 1], (done, found)
    return "after"


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes)


@pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace here")
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    said = cuts(tmp_path, 60)
    assert said["before"] > 20
    assert said["after"] > 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace here")
def test_a_power_cut_at_every_call_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    assert sum(cuts(tmp_path, 1 << 30).values()) > 500
