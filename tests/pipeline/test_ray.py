"""Builds over Ray: the bytes of one process, whoever dies on the way.

A real Ray on this machine, without its dashboard, and real builds of a shop of a few blocks. The default test kills one
of two workers; `make test-slow` kills workers and drivers at random moments.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from click.testing import CliRunner
from made import bytes_of, left_over
from safetensors.numpy import load_file

from genret.cli import cli, main
from genret.ground.artifacts import read_artifact
from genret.ground.errors import GenretError
from genret.index.shards import HEAD, read_shards
from genret.pipeline.distributed.engine import Address, Machine, check_machines, describe_machine
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.split import split

PRODUCTS, CAMPAIGN = 9_000, 20
KILLS = int(os.environ.get("GENRET_TEST_RAY_KILLS", str(CAMPAIGN)))
"""Builds of the long campaign."""
WORK = ("BlockEmbedder", "encode_block", "resolve_group", "build_shard")
"""What workers do, in this order."""
TRAINING = ("RayTrainWorker",)
SETTINGS = {
    "embed.dim": 8,
    "embed.sample": 600,
    "tokenizer.sample": 1000,
    "tokenizer.codebook_sizes": "16,16,32,32",
    "tokenizer.steps": 5,
    "tokenizer.batch_size": 64,
    "tokenizer.latent_dim": 8,
    "tokenizer.hidden": 8,
    "tokenizer.max_dead": 1.0,
    "tokenizer.max_share": 1.0,
    "model.d_model": 16,
    "model.heads": 2,
    "model.ffn": 16,
    "train.max_steps": 0,
    "bm25.grid": "none",
}


def arguments(shop: Path, run: Path, *more: str) -> list[str]:
    flags = [part for name, value in SETTINGS.items() for part in ("--set", f"{name}={value}")]
    return ["build", str(shop), "--model", "lsa", "--out", str(run), *flags, *more]


def build(shop: Path, run: Path, *more: str) -> subprocess.Popen[str]:
    # Ray's workers give way to whatever else the machine does, unless told not to.
    environment = {**os.environ, "GENRET_THREADS": "1", "OMP_NUM_THREADS": "1", "RAY_worker_niceness": "0"}
    command = [sys.executable, "-m", "genret", *arguments(shop, run, *more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of three blocks of products to embed, and of two to code."""
    rng = random.Random(0)
    kinds, words = ("soda", "milk", "bread", "cheese", "tea", "rice"), [f"word{i}" for i in range(200)]
    rows = [
        f"p{i:05d},{(kind := rng.choice(kinds))} {' '.join(rng.choices(words, k=3))},{kind}" for i in range(PRODUCTS)
    ]
    file = tmp_path_factory.mktemp("shop") / "products.csv"
    file.write_text("\n".join(["id,title,category", *rows]) + "\n")
    return file


@pytest.fixture(scope="module")
def whole(shop: Path) -> Path:
    """What one process makes."""
    pytest.importorskip("ray", reason="install it: pip install 'genret[ray]'")
    run = shop.parent / "whole"
    process = build(shop, run)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return run


def workers_of(process: psutil.Process) -> Iterator[psutil.Process]:
    """The Ray workers below a process that are at work; idle ones have no job's name, and Ray's agents do no job."""
    for one in process.children(recursive=True):
        try:
            name = "".join(one.cmdline()[:1])  # empty once it ends
        except psutil.Error:
            continue
        if name.startswith("ray::") and any(work in name for work in WORK + TRAINING):
            yield one


def kill_one(process: psutil.Process, wanted: Sequence[str], killed: list[str], choose: random.Random) -> None:
    """SIGKILL any worker that does some `wanted` work, once there is one, for as long as the process lives."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        at_work = list(workers_of(process))
        choose.shuffle(at_work)
        for one in at_work:
            try:
                name = one.cmdline()[0]
                if any(work in name for work in wanted):
                    time.sleep(choose.uniform(0.0, 0.2))
                    one.send_signal(signal.SIGKILL)
                    killed.append(name)
                    return
            except (psutil.Error, IndexError):
                continue
        time.sleep(0.005)


def quiet(output: str) -> bool:
    """Whether a build's output has nothing of Ray's own."""
    return not any(sign in output for sign in ("raylet", "(pid=", "Ray instance", "Traceback", "usage stat", "WARNING"))


def check_shards(run: Path, count: int) -> None:
    """Every shard is, to the byte, the one that a process cuts from the run alone."""
    made, cut = read_shards(run / "shards"), split(run, run.parent / "cut", count)
    assert len(made.shards) == count
    assert made._replace(path=cut.path) == cut
    for name in (HEAD, *(shard.name for shard in cut.shards)):
        here, there = (RunFolder(folder / name).artifact("index", verify=True) for folder in (made.path, cut.path))
        assert here.files == there.files, name
    shutil.rmtree(cut.path)


@pytest.mark.timeout(1200)  # builds of seconds each, on a machine that may be in heavy use
def test_two_workers_one_of_which_is_killed_make_what_one_process_makes(shop: Path, whole: Path) -> None:
    run, killed = shop.parent / "two", list[str]()
    process = build(shop, run, "--ray", "local:2", "--shards", "2")
    own = psutil.Process(process.pid)
    watch = threading.Thread(target=kill_one, args=(own, WORK[:1], killed, random.Random(0)))
    watch.start()
    output, _ = process.communicate()
    watch.join()
    assert process.returncode == 0, output
    assert killed
    assert quiet(output), output
    assert bytes_of(run) == bytes_of(whole)
    assert left_over(run) == []
    check_shards(run, 2)
    assert Retriever.load(run).search("oat milk", k=3).hits


LEARNING = [
    *("--set", "train.max_steps=8", "--set", "train.batch_size=16", "--set", "train.save_every=2"),
    *("--set", "train.precision=fp32"),  # in which what two add up is what one does to seven digits
]
OVER_TWO = ("--ray", "local:2", "--train-workers", "2")


@pytest.fixture(scope="module")
def learnt(shop: Path, whole: Path) -> Path:
    """What one process makes of it that trains the model too."""
    run = Path(shutil.copytree(whole, shop.parent / "learnt"))
    output, _ = (process := build(shop, run, *LEARNING)).communicate()
    assert process.returncode == 0, output
    return run


def check_learnt(run: Path, learnt: Path) -> None:
    """The model is that of one process up to rounding, and says how many made it."""
    assert read_artifact(run / "model", "model", verify=True).hardware["processes"] == 2
    assert left_over(run) == []
    one, two = (load_file(folder / "model" / "model" / "model.safetensors") for folder in (learnt, run))
    assert one.keys() == two.keys()
    for name, values in one.items():  # Adam's first steps take the sign of gradients that are rounding alone
        assert np.abs(values.astype(np.float64) - two[name]).mean() < 1e-5, name


@pytest.mark.timeout(1200)
def test_two_processes_of_ray_train_learn_what_one_does(shop: Path, whole: Path, learnt: Path) -> None:
    run = Path(shutil.copytree(whole, shop.parent / "trained"))
    output, _ = (process := build(shop, run, *LEARNING, *OVER_TWO)).communicate()
    assert process.returncode == 0, output
    assert quiet(output), output
    check_learnt(run, learnt)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_process_of_ray_train_that_is_killed_costs_no_more_than_time(shop: Path, whole: Path, learnt: Path) -> None:
    run, killed = Path(shutil.copytree(whole, shop.parent / "killed")), list[str]()
    process = build(shop, run, *LEARNING, *OVER_TWO)
    watch = threading.Thread(target=kill_one, args=(psutil.Process(process.pid), TRAINING, killed, random.Random(0)))
    watch.start()
    output, _ = process.communicate()
    watch.join()
    assert process.returncode == 0, output
    assert killed
    check_learnt(run, learnt)
    output, _ = (process := build(shop, run, *LEARNING, *OVER_TWO)).communicate()
    assert process.returncode == 0, output
    assert output.count("up to date, reused") == 5
    output, _ = (process := build(shop, run, *LEARNING, "--set", "train.batch_size=15", *OVER_TWO)).communicate()
    assert process.returncode == 2, output
    assert "batch_size=15" in output.splitlines()[-1]
    assert ".ray-train" not in left_over(run)
    output, _ = (process := build(shop, run, *OVER_TWO[:3], "3")).communicate()
    assert process.returncode == 2
    assert "there are 2 workers; give at most 2" in output.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.timeout(36_000)
def test_four_workers_killed_at_random_moments(shop: Path, whole: Path) -> None:
    """Every build loses a worker at a random moment of its work; every second one its driver too, and goes on."""
    rng, lost = random.Random(0), 0
    for number in range(KILLS):
        run, killed = shop.parent / f"campaign{number}", list[str]()
        if number % 2:
            process = build(shop, run, "--ray", "local:4", "--shards", "4")
            time.sleep(rng.uniform(5.0, 40.0))
            process.kill()
            process.communicate()
        process = build(shop, run, "--ray", "local:4", "--shards", "4")
        own, wanted = psutil.Process(process.pid), WORK[rng.randrange(len(WORK)) :]  # this work, or what comes after it
        watch = threading.Thread(target=kill_one, args=(own, wanted, killed, rng))
        watch.start()
        output, _ = process.communicate()
        watch.join()
        assert process.returncode == 0, output
        assert quiet(output), output
        assert bytes_of(run) == bytes_of(whole)
        assert left_over(run) == []
        check_shards(run, 4)
        shutil.rmtree(run)
        lost += len(killed)
        print(f"build {number + 1} of {KILLS}: the same bytes; lost {killed or 'no worker'}", flush=True)
    assert lost > KILLS // 2, "a worker that ends before it is killed is lost to nobody"


def test_an_address_is_one_of_four_forms() -> None:
    assert Address.parse("local") == Address("local", 0)
    assert Address.parse("local:4") == Address("local", 4)
    for text in ("auto", "10.0.0.1:6379", "head.example:6379", "[::1]:6379"):
        assert Address.parse(text) == Address(text)
    for text in ("", "local:0", "head", "ray://head:10001", "http://head:80", "a b:1"):
        with pytest.raises(GenretError, match="local, local:N"):
            Address.parse(text)


@pytest.mark.parametrize("address", ["127.0.0.1:9", "127.0.0.1:99999", "auto"])
def test_nobody_at_an_address_is_one_line(
    address: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="install it: pip install 'genret[ray]'")
    (tmp_path / "few.csv").write_text("id,title\n1,tea\n2,soup\n")
    with pytest.raises(SystemExit) as ended:
        main(arguments(tmp_path / "few.csv", tmp_path / "run", "--ray", address))
    assert ended.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"genret: error: --ray {address}: ")
    assert "use local" in error


def test_shards_need_workers(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["build", "x.csv", "--out", str(tmp_path), "--shards", "2"])
    assert isinstance(done.exception, GenretError)
    assert "--ray local" in str(done.exception)


def test_machines_that_cannot_work_together_are_refused(tmp_path: Path) -> None:
    own = Machine(*describe_machine(str(tmp_path)))
    check_machines([own, own], tmp_path)
    with pytest.raises(GenretError, match="1 of the 2 machines do not see"):
        check_machines([own, own._replace(sees_run=False)], tmp_path)
    with pytest.raises(GenretError, match=r"has torch 1\.0, this one"):
        check_machines([own, own._replace(torch="1.0")], tmp_path)
