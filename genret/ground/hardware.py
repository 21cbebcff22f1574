"""What depends on the machine: device, precision, threads, instruction sets. Chosen here, said in one line, recorded.

`auto` stands for the same arithmetic everywhere: fp32, so that semantic IDs, scores and figures do not change with the
processor. bf16 is for who asks for it, by a setting or by GENRET_PRECISION. Three variables say what `auto` is, in this
process and in those that it starts: GENRET_DEVICE, GENRET_PRECISION and GENRET_THREADS. The processes of a `torchrun`
are in `ranks.py`. Imports torch only where a device is asked for.
"""

from __future__ import annotations

import os
import platform
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from genret.ground.errors import GenretError
from genret.ground.ranks import local_rank, world_size

Precision = Literal["auto", "fp32", "bf16"]
"""As a setting."""
Arithmetic = Literal["fp32", "bf16"]
"""As it is computed, and as artifacts record it."""

DEVICE, PRECISION, THREADS = "GENRET_DEVICE", "GENRET_PRECISION", "GENRET_THREADS"
"""Environment variables: what `auto` stands for."""


def choose_precision(wanted: Precision = "auto") -> Arithmetic:
    """The arithmetic of a setting: itself, or for `auto` what GENRET_PRECISION says, else fp32 on every machine."""
    check_precision("precision", wanted)
    forced = os.environ.get(PRECISION, "") or "auto"
    check_precision(PRECISION, forced)
    chosen = forced if wanted == "auto" else wanted
    return "bf16" if chosen == "bf16" else "fp32"


def check_precision(name: str, value: str) -> None:
    """A GenretError unless `value` is auto, fp32 or bf16."""
    if value not in ("auto", "fp32", "bf16"):
        raise GenretError(f"{name}={value!r}: expected auto, fp32 or bf16")


def torch_dtype(arithmetic: Arithmetic) -> Any:
    """torch's name of it."""
    import torch

    return torch.bfloat16 if arithmetic == "bf16" else torch.float32


def check_device(name: str, value: str) -> None:
    """A GenretError unless `value` is written as a device is: auto, cpu, cuda or cuda:N. Looks at no hardware."""
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", value):
        raise GenretError(f"{name}={value!r}: no such device; expected auto, cpu, cuda or cuda:N")


def choose_device(wanted: str = "auto", *, gpu: bool = True) -> str:
    """A torch device: `cpu` or `cuda:N`.

    `auto` is what GENRET_DEVICE says; else, for work that gains by it (`gpu`), the GPU if there is one, and the CPU.
    Each process of a `torchrun` has a GPU of its own. A GenretError for a device that does not exist here.
    """
    check_device("device", wanted)
    forced = os.environ.get(DEVICE, "") or "auto"
    check_device(DEVICE, forced)
    name, value = ("device", wanted) if wanted != "auto" else (DEVICE, forced)
    if value == "cpu" or (value == "auto" and not gpu):
        return "cpu"
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if value == "auto" and not count:
        return "cpu"
    number = int(value.partition(":")[2] or (local_rank() if world_size() > 1 else 0))
    if number >= count:
        built = "" if torch.version.cuda else f", and torch {torch.__version__} is built without CUDA"
        raise GenretError(f"{name}={value!r}: this machine has {count} CUDA devices{built}; take {name}='cpu'")
    return f"cuda:{number}"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prepare_threads() -> None:
    """Make GENRET_THREADS the number of threads of every numerical library; call it before they are imported."""
    text = os.environ.get(THREADS, "")
    if not text:
        return
    if not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise GenretError(f"{THREADS}={text!r}: expected a whole number of at least 1")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = text
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(text))


def use_threads(count: int) -> None:
    """So many threads from now on, of torch and of what multiplies numpy's matrices."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    threadpool_limits(count, user_api="blas")


@contextmanager
def threads_within(count: int) -> Iterator[None]:
    """The same within a block."""
    import torch
    from threadpoolctl import threadpool_limits

    before = torch.get_num_threads()
    with threadpool_limits(count, user_api="blas"):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """One thread for many small steps: a second gains little, and on a busy machine the two wait for each other."""
    return threads_within(1)


class OneBlasThread:
    """Numpy's matrix products on one thread within a block, in whatever threads of this process it is entered.

    For products of some microseconds: a second thread cannot gain much, and where others keep the machine busy the
    first would wait for it ten times as long. `with` costs two calls of each library. A library's number is the
    process's, which the first thread to enter sets and the last to leave restores; a library on OpenMP has a number for
    every thread, which each sets and restores for itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._libraries: tuple[list[Any], list[Any]] | None = None
        self._process, self._own = _Entered(), _OwnEntered()

    def __enter__(self) -> None:
        with self._lock:
            if self._libraries is None:
                self._libraries = _blas_libraries()
            of_process, of_thread = self._libraries
            self._process.enter(of_process)
        self._own.enter(of_thread)

    def __exit__(self, *raised: object) -> None:
        assert self._libraries is not None
        of_process, of_thread = self._libraries
        self._own.leave(of_thread)
        with self._lock:
            self._process.leave(of_process)


class _Entered:
    """How often a block was entered and not left, and how many threads its libraries had before."""

    def __init__(self) -> None:
        self.inside, self.before = 0, list[int]()

    def enter(self, libraries: Sequence[Any]) -> None:
        self.inside += 1
        if self.inside == 1:
            self.before = [one.get_num_threads() for one in libraries]
            self._set(libraries, [1] * len(libraries))

    def leave(self, libraries: Sequence[Any]) -> None:
        self.inside -= 1
        if not self.inside:
            self._set(libraries, self.before)

    def _set(self, libraries: Sequence[Any], counts: Sequence[int]) -> None:
        for library, before, count in zip(libraries, self.before, counts, strict=True):
            if before != 1:
                # The newer threadpoolctl lets one thread alone set the number; here the lock says whose turn it is.
                release = getattr(library, "clear_controlling_thread", lambda force: None)
                release(force=True)
                library.set_num_threads(count)
                release(force=True)


class _OwnEntered(_Entered, threading.local):
    """The same for each thread."""


def _blas_libraries() -> tuple[list[Any], list[Any]]:
    """Those loaded: of which the number of threads is the process's, and of which it is each thread's."""
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas").lib_controllers
    of_thread = [one for one in found if getattr(one, "threading_layer", "") == "openmp"]
    return [one for one in found if one not in of_thread], of_thread


one_blas_thread = OneBlasThread()
"""The one of this process."""


def record(device: str = "cpu", precision: Arithmetic = "fp32") -> dict[str, Any]:
    """What an artifact says of the machine that made it, beside its fingerprint and not in it."""
    import torch

    return {
        "device": device if device == "cpu" else f"{device} ({torch.cuda.get_device_name(device)})",
        "precision": precision,
        "processes": world_size(),
        "threads": torch.get_num_threads(),
        "processor": processor(),
        "instructions": instructions(),
        "multiplies bf16": multiplies_bf16(device),
        "torch": str(torch.__version__),
    }


def describe(**precisions: Precision) -> str:
    """One line for the terminal: where the work runs, and how, with the precision of each part of it."""
    made = record(choose_device())
    parts = []
    for part, wanted in precisions.items():
        chosen = choose_precision(wanted)
        slow = chosen == "bf16" and not made["multiplies bf16"]
        parts.append(f"{part} in {chosen}" + (" (emulated here, slow)" if slow else ""))
    many = f"{made['threads']} threads" + (f" in each of {made['processes']} processes" if world_size() > 1 else "")
    return ", ".join([made["device"], *parts, many, f"{made['processor']} ({made['instructions']})"])


def multiplies_bf16(device: str = "cpu") -> bool:
    """Whether the hardware multiplies bf16 itself; emulated, it is many times slower than fp32."""
    import torch

    if device != "cpu":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def instructions() -> str:
    """The vector instructions that torch's kernels use here: AVX2, AVX512, DEFAULT and so on."""
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


@lru_cache(maxsize=1)
def processor() -> str:
    """The processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8", errors="replace"), re.M)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()
