"""Cutting a run into shards that dies or meets a full disk: the same command goes on, and the bytes are the same."""

from __future__ import annotations

import random
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from forked import Commands
from made import left_over, shards_of

from genret.ground.errors import GenretError
from genret.pipeline.sharded import ShardedRetriever

KILLS = 6


class Cut(NamedTuple):
    """A run, and its shards as one command makes them."""

    run: Path
    out: Path
    changes: int
    """Of files."""


def arguments(run: Path, out: Path) -> list[str]:
    return ["shards", str(run), "--count", "2", "--out", str(out)]


@pytest.fixture(scope="module")
def cut(shop: Path, whole: tuple[Path, int], commands: Commands) -> Cut:
    out = shop / "cut"
    done = commands.run(arguments(whole[0], out), out)
    assert done.codes == [0], done.output
    return Cut(whole[0], out, done.changes)


def check_same(out: Path, cut: Cut) -> None:
    assert shards_of(out) == shards_of(cut.out)
    assert [name for run in out.iterdir() for name in left_over(run)] == []


def test_cutting_that_is_killed_goes_on_to_the_same_bytes(cut: Cut, commands: Commands, tmp_path: Path) -> None:
    out, rng = tmp_path / "out", random.Random(0)
    for _ in range(KILLS):
        done = commands.run(arguments(cut.run, out), out, kill_at=rng.randint(1, cut.changes // 3))
        assert done.codes in ([-9], [0]), done.output
        with suppress(GenretError):  # what is half made is refused
            check_same(out, cut)
    assert commands.run(arguments(cut.run, out), out).codes == [0]
    check_same(out, cut)
    assert ShardedRetriever.load(out).search("acme soda", k=3).hits


@pytest.mark.parametrize("kilobytes", [64, 256])
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    kilobytes: int, cut: Cut, commands: Commands, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", disk]).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    try:
        done = commands.run(arguments(cut.run, disk / "out"), disk / "out")
        assert done.codes == [2], done.output
        last = done.output.splitlines()[-1]
        assert last.startswith("genret: error: "), last
        assert "make room, then run the same command again" in last
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        again = commands.run(arguments(cut.run, disk / "out"), disk / "out")
        assert again.codes == [0], again.output
        check_same(disk / "out", cut)
    finally:
        subprocess.run(["umount", disk], check=True)
