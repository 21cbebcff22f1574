"""What `auto` stands for, what a machine lacks, and how a full disk is told: one clear line each."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file
from threadpoolctl import ThreadpoolController, threadpool_limits

from genret.embed.settings import EmbedSettings
from genret.ground import errors, hardware
from genret.ground.artifacts import read_artifact, write_artifact
from genret.ground.errors import GenretError, failed_write, install_line, require_extras
from genret.ground.hardware import choose_device, choose_precision, describe, one_thread, record
from genret.training.settings import TrainSettings


@pytest.fixture(autouse=True)
def _no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (hardware.DEVICE, hardware.PRECISION, hardware.THREADS):
        monkeypatch.delenv(name, raising=False)


def test_auto_is_fp32_on_every_machine_until_it_is_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "multiplies_bf16", lambda device="cpu": True)
    assert choose_precision("auto") == "fp32"
    monkeypatch.setenv("GENRET_PRECISION", "bf16")
    assert choose_precision("auto") == "bf16"
    assert choose_precision("fp32") == "fp32"  # a setting is stronger
    assert TrainSettings().resolved().precision == "bf16"
    assert EmbedSettings(model="some/encoder").resolved().precision == "bf16"
    assert EmbedSettings(model="towers").resolved().precision == "fp32"  # sums, in fp32 whatever is said


@pytest.mark.parametrize("value", ["fp16", "BF16", "0"])
def test_an_unknown_precision_is_one_line(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GenretError, match=f"precision='{value}': expected .*fp32"):
        TrainSettings(precision=value)  # type: ignore[arg-type]
    monkeypatch.setenv("GENRET_PRECISION", value)
    with pytest.raises(GenretError, match=f"GENRET_PRECISION='{value}': expected auto, fp32 or bf16"):
        choose_precision("auto")


def test_bf16_is_refused_where_it_would_mean_nothing() -> None:
    with pytest.raises(GenretError, match="bf16' is for sentence-transformers models; towers is computed in fp32"):
        EmbedSettings(model="towers", precision="bf16")


@pytest.mark.parametrize("value", ["tpu", "cuda:", "cuda:x", "CPU", "cuda:-1", "", "cuda:1234"])
def test_an_unknown_device_is_one_line(value: str) -> None:
    with pytest.raises(GenretError, match="no such device; expected auto, cpu, cuda or cuda:N"):
        choose_device(value)


def test_a_gpu_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(GenretError, match=r"device='cuda:999': this machine has \d+ CUDA devices.*take device='cpu'"):
        choose_device("cuda:999")
    monkeypatch.setenv("GENRET_DEVICE", "cuda:999")
    with pytest.raises(GenretError, match="GENRET_DEVICE='cuda:999': this machine has"):
        choose_device("auto")
    assert choose_device("cpu") == "cpu"


def test_search_takes_the_cpu_unless_it_is_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert (choose_device("auto"), choose_device("auto", gpu=False)) == ("cuda:0", "cpu")
    monkeypatch.setenv("GENRET_DEVICE", "cuda:1")
    assert choose_device("auto", gpu=False) == "cuda:1"
    monkeypatch.setenv("GENRET_DEVICE", "cuda")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert choose_device("auto") == "cuda:1"  # each process of a torchrun has its own


def test_threads_are_those_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    program = (
        "from genret.ground.hardware import prepare_threads, record; prepare_threads(); print(record()['threads'])"
    )
    for count in ("1", "2"):
        environment = {**os.environ, "GENRET_THREADS": count}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert done.stdout.strip() == count, done.stderr
    monkeypatch.setenv("GENRET_THREADS", "many")
    with pytest.raises(GenretError, match="GENRET_THREADS='many': expected a whole number of at least 1"):
        hardware.prepare_threads()


def test_one_thread_is_given_back() -> None:
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_what_made_an_artifact_is_recorded_and_no_part_of_its_fingerprint(tmp_path: Path) -> None:
    prints = []
    for name, made in (("a", record()), ("b", {**record(), "processor": "another", "threads": 96})):
        with write_artifact(tmp_path / name, "thing", hardware=made) as folder:
            (folder / "f").write_text("1")
        artifact = read_artifact(tmp_path / name, "thing")
        assert artifact.hardware == json.loads(json.dumps(made))
        prints.append(artifact.fingerprint)
    assert prints[0] == prints[1]
    assert {"device", "precision", "threads", "processes", "processor", "instructions"} <= record().keys()


def test_the_line_says_where_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "multiplies_bf16", lambda device="cpu": False)
    monkeypatch.setenv("GENRET_DEVICE", "cpu")
    line = describe(embedding="fp32", training="bf16")
    assert line.startswith("cpu, embedding in fp32, training in bf16 (emulated here, slow), ")
    assert hardware.processor() in line


def test_missing_extras_are_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    require_extras(*errors.EXTRAS)  # the tests' own environment has them all
    monkeypatch.setattr(errors, "find_spec", lambda name: None if name in ("accelerate", "jinja2") else True)
    with pytest.raises(
        GenretError, match=r"not installed: accelerate, jinja2; run: pip install -e '.*\[train,report\]'"
    ):
        require_extras("train", "eval", "report")


def test_the_install_line_suits_a_checkout_and_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert install_line("train") == f"pip install -e '{Path(errors.__file__).resolve().parents[2]}[train]'"
    monkeypatch.setattr(errors, "__file__", str(tmp_path / "site-packages" / "genret" / "ground" / "errors.py"))
    assert install_line("train", "eval") == "pip install 'genret[train,eval]'"


@pytest.mark.skipif(
    not Path("/dev/full").is_char_device(), reason="no /dev/full, a device that is always full, on this system"
)
@pytest.mark.parametrize("library", ["python", "numpy", "torch", "arrow"])
def test_a_full_disk_is_known_whatever_library_met_it(library: str, tmp_path: Path) -> None:
    full = tmp_path / "full"  # a link, since arrow removes what it could not write, and root may remove a device
    full.symlink_to("/dev/full")

    def write() -> None:
        if library == "python":
            full.write_text("x" * 100_000)
        elif library == "numpy":
            with full.open("wb") as file:
                np.save(file, np.zeros(100_000))
        elif library == "torch":
            torch.save({"weight": torch.zeros(100_000)}, full)
        else:
            pq.write_table(pa.table({"x": pa.array(range(100_000))}), full)

    with pytest.raises((OSError, RuntimeError)) as caught:
        write()
    assert failed_write(caught.value), repr(caught.value)
    assert Path("/dev/full").is_char_device()
    assert failed_write(ValueError("shapes disagree")) is None


def test_a_full_disk_leaves_the_old_artifact_and_says_what_to_do(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="no limits on a file's size on this system")
    with write_artifact(tmp_path / "a", "thing") as folder:
        (folder / "f").write_text("old")
    before, limits = read_artifact(tmp_path / "a", "thing"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with (
            pytest.raises(GenretError, match=r"a: cannot write it .*make room, then run the same command again"),
            write_artifact(tmp_path / "a", "thing") as folder,
        ):
            save_file({"weight": torch.zeros(100_000)}, folder / "f")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read_artifact(tmp_path / "a", "thing").fingerprint == before.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_artifact_that_lacks_what_it_needs_is_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match=r"m: this model artifact lacks model/\*.safetensors; make it again"):
        _write(tmp_path / "m", "model/config.json", "model/tokenizer.json")
    assert not (tmp_path / "m").exists()
    with write_artifact(tmp_path / "m", "thing") as folder:  # as an older version wrote one, under torchrun
        (folder / "config.json").write_text("{}")
    text = (tmp_path / "m" / "manifest.json").read_text().replace('"thing"', '"model"')
    shutil.copytree(tmp_path / "m", tmp_path / "old")
    (tmp_path / "old" / "manifest.json").write_text(_signed(text))
    with pytest.raises(GenretError, match="this model artifact lacks model/config"):
        read_artifact(tmp_path / "old", "model")


def _write(path: Path, *names: str) -> None:
    with write_artifact(path, "model") as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("{}")


def _signed(manifest: str) -> str:
    from genret.ground.artifacts import _fingerprint

    content = json.loads(manifest)
    return json.dumps({**content, "fingerprint": _fingerprint(content)})


def test_no_other_file_asks_the_machine() -> None:
    package = Path(hardware.__file__).resolve().parents[1]
    asks = ("cuda.is_available", "is_bf16_supported", "_is_mkldnn", "sched_getaffinity", "cpu_count(", "/proc/cpuinfo")
    found = [
        f"{file.relative_to(package)}: {ask}"
        for file in package.rglob("*.py")
        if file.name not in ("hardware.py", "ranks.py")
        for ask in asks
        if ask in file.read_text(encoding="utf-8")
    ]
    assert not found


def test_numpy_multiplies_on_one_thread_while_any_thread_asks_for_it() -> None:
    importlib.import_module("faiss")  # its OpenBLAS is on OpenMP: a number for each thread; numpy's has one for all
    libraries = ThreadpoolController().select(user_api="blas").lib_controllers
    for_all = [library for library in libraries if library.threading_layer != "openmp"]
    for_each = [library for library in libraries if library not in for_all]
    asked, entered, leave = hardware.OneBlasThread(), threading.Event(), threading.Event()
    seen: list[list[int]] = []

    def counts(of: list[Any] = libraries) -> list[int]:
        return [one.get_num_threads() for one in of]

    def held() -> None:
        for library in for_each:
            library.set_num_threads(3)
        with asked:
            seen.append(counts())
            entered.set()
            leave.wait(60)
        seen.append(counts(for_each))

    assert for_all
    assert for_each
    with threadpool_limits(2, user_api="blas"):
        before, other, ones = counts(), threading.Thread(target=held), [1] * len(libraries)
        with asked:
            with asked:
                assert counts() == ones
            assert counts() == ones
            other.start()
            assert entered.wait(60)
            assert counts() == ones
        assert counts(for_all) == [1] * len(for_all)
        assert counts(for_each) == [2] * len(for_each)
        leave.set()
        other.join()
        assert counts() == before
    assert seen == [ones, [3] * len(for_each)]
