"""Builds that die, meet a full disk or share their work: the same command goes on, and the bytes are the same.

Real processes through the command line (`forked.py`) on a shop of 64 products, every stage checkpointing every few
steps. The default tests take a few of the places where a process can die; `make test-slow` a hundred.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from forked import Commands, Done
from made import bytes_of, left_over
from safetensors.numpy import load_file
from tiny_shop import build_arguments

from genret.ground.artifacts import read_artifact

KILLS = int(os.environ.get("GENRET_TEST_KILLS", "100"))
"""Of the long campaign."""
SIZES = tuple(range(64, 704, 64))
"""Kilobytes of the disks that the long campaign fills; a run takes some 800."""


def kill_until_done(commands: Commands, arguments: list[str], run: Path, rng: random.Random, changes: int) -> int:
    """Build with a kill at a random change, or after a random time, again and again; how many times it was killed.

    A process gets through a third of a build at most, so that one build sees several kills, wherever it is.
    """
    kills = 0
    while True:
        at = rng.randint(1, changes // 3)
        how = {"kill_at": at} if rng.random() < 0.7 else {"kill_after": rng.uniform(0.05, 3.0)}
        done = commands.run(arguments, run, **(how if kills < 30 else {}))
        if done.codes == [0]:
            return kills
        assert done.codes == [-9], done.output
        kills += 1


@pytest.mark.parametrize("seed", [0])
def test_a_build_that_is_killed_goes_on_to_the_same_bytes(
    seed: int, shop: Path, whole: tuple[Path, int], commands: Commands
) -> None:
    run, rng = shop / f"killed{seed}", random.Random(seed)
    for _ in range(4):
        done = commands.run(build_arguments(shop, run), run, kill_at=rng.randint(whole[1] // 8, whole[1] // 2))
        assert done.codes in ([-9], [0]), done.output
    done = commands.run(build_arguments(shop, run), run)
    assert done.codes == [0], done.output
    assert bytes_of(run) == bytes_of(whole[0])
    assert left_over(run) == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_any_kill_at_any_moment(shop: Path, whole: tuple[Path, int], commands: Commands) -> None:
    kills, builds, rng = 0, 0, random.Random(0)
    while kills < KILLS:
        run = shop / "campaign"
        kills += kill_until_done(commands, build_arguments(shop, run), run, rng, whole[1])
        builds += 1
        assert bytes_of(run) == bytes_of(whole[0])
        assert left_over(run) == []
        shutil.rmtree(run)
        print(f"{kills} kills, {builds} builds of the same bytes", flush=True)


def test_two_processes_make_what_one_makes(shop: Path, whole: tuple[Path, int], commands: Commands) -> None:
    run = shop / "ranks"
    done = commands.run(build_arguments(shop, run), run, ranks=2)
    assert done.codes == [0, 0], done.output
    assert done.output.count("\nindex ") == 1, "one rank speaks"
    bytes_of(run)
    assert read_artifact(run / "model", "model").hardware["processes"] == 2
    one, two = (np.load(folder / "embeddings" / "embeddings.npy") for folder in (whole[0], run))
    np.testing.assert_allclose(one, two, atol=1e-6)
    one, two = (np.load(folder / "tokenizer" / "codes.npy") for folder in (whole[0], run))
    np.testing.assert_array_equal(one, two)
    one, two = (load_file(folder / "model" / "model" / "model.safetensors") for folder in (whole[0], run))
    assert one.keys() == two.keys()
    for name, values in one.items():  # Adam's first steps take the sign of gradients that are rounding alone
        assert np.abs(values.astype(np.float64) - two[name]).mean() < 1e-5, name
    again = commands.run(build_arguments(shop, run), run)
    assert again.codes == [0]
    assert again.output.count("up to date, reused") == 5


def test_two_processes_learn_as_one_does(shop: Path, whole: tuple[Path, int], commands: Commands) -> None:
    """Step by step, the loss of one process with the same global batch."""
    curves: list[list[float]] = []
    for ranks in (1, 2):
        run = shop / f"curve{ranks}"
        shutil.copytree(whole[0], run)
        done = commands.run([*build_arguments(shop, run), "-v", "--set", "train.log_every=1"], run, ranks=ranks)
        assert done.codes == [0] * ranks, done.output
        assert done.output.count("up to date, reused") == 4, "the model alone is trained anew"
        curves.append([float(loss) for loss in re.findall(r"step \d+, loss ([0-9.e+-]+)", done.output)])
    assert len(curves[0]) == 8
    assert len({*curves[0]}) > 1
    np.testing.assert_allclose(curves[1], curves[0], rtol=2e-3)


@pytest.mark.slow
def test_torchrun_itself(shop: Path, whole: tuple[Path, int]) -> None:
    run = shop / "torchrun"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "genret"]
    done = subprocess.run(
        [*command, *build_arguments(shop, run)],
        env={**os.environ, "GENRET_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert bytes_of(run).keys() == bytes_of(whole[0]).keys()


def fill(commands: Commands, shop: Path, disk: Path, kilobytes: int) -> Done:
    """The build on a disk of so many kilobytes."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", disk]).returncode:
        pytest.skip("mounting a small disk is not permitted here")
    return commands.run(build_arguments(shop, disk / "run"), disk / "run")


def check_full_disk(commands: Commands, shop: Path, whole: Path, disk: Path, kilobytes: int) -> None:
    """A full disk is one clear line and exit code 2; with more room the same command ends with the same bytes."""
    disk.mkdir()
    done = fill(commands, shop, disk, kilobytes)
    try:
        assert done.codes == [2], done.output
        last = done.output.splitlines()[-1]
        assert last.startswith("genret: error: "), last
        assert "make room, then run the same command again" in last
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        again = commands.run(build_arguments(shop, disk / "run"), disk / "run")
        assert again.codes == [0], again.output
        assert bytes_of(disk / "run") == bytes_of(whole)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("kilobytes", [300])
def test_a_full_disk_is_one_line_and_the_same_command_goes_on(
    kilobytes: int, shop: Path, whole: tuple[Path, int], commands: Commands, tmp_path: Path
) -> None:
    check_full_disk(commands, shop, whole[0], tmp_path / "disk", kilobytes)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kilobytes", SIZES)
def test_disks_of_any_size(
    kilobytes: int, shop: Path, whole: tuple[Path, int], commands: Commands, tmp_path: Path
) -> None:
    check_full_disk(commands, shop, whole[0], tmp_path / "disk", kilobytes)


@pytest.mark.parametrize("limit", [40_000])
def test_a_file_that_may_not_grow_is_one_line_too(
    limit: int, shop: Path, whole: tuple[Path, int], commands: Commands
) -> None:
    run = shop / f"limited{limit}"
    done = commands.run(build_arguments(shop, run), run, file_limit=limit)
    assert done.codes == [2], done.output
    assert "make room, then run the same command again" in done.output.splitlines()[-1]
    assert commands.run(build_arguments(shop, run), run).codes == [0]
    assert bytes_of(run) == bytes_of(whole[0])
