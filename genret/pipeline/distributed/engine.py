"""Ray, as much of it as a build needs: started or joined, asked whether its machines are fit, given jobs to do.

Ray schedules, retries and restarts; nothing here does. A job is small: what it works on, and what it makes, lies in the
run's folder, which every machine must see. Nothing is sent to anyone: Ray's usage statistics are off.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from genret.ground.errors import GenretError, require, require_extras
from genret.ground.hardware import DEVICE, PRECISION, THREADS, cores
from genret.ground.progress import progress

S = TypeVar("S")
J = TypeVar("J")
R = TypeVar("R")
RETRIES = 20
"""How often a job is given to another worker when the one that did it is lost."""
STARTS = 4
"""How often a Ray of its own is started before it is given up."""
CONNECT_SECONDS, JOIN_SECONDS = 5.0, 60.0
OBJECT_STORE = 256 * 2**20
"""Bytes of the local object store, through which jobs pass and not what they work on."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # of what its processes say of lost workers, which are retried
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}
PATIENT = {"RAY_agent_register_timeout_ms": "120000", "RAY_worker_register_timeout_seconds": "300"}
"""For machines in heavy use, where Ray's own processes take long to start."""
PASSED_ON = (DEVICE, PRECISION, "HF_HUB_OFFLINE", "HF_HOME")


class Address(NamedTuple):
    """Where Ray runs, checked for its form."""

    where: str
    """`auto`, HOST:PORT, or `local`: a Ray of its own, for this build."""
    workers: int = 0
    """Of `local`: how many; 0: one for each core."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """From `local`, `local:N`, `auto` or HOST:PORT; a GenretError for anything else."""
        if match := re.fullmatch(r"local(?::([1-9]\d{0,3}))?", text):
            return cls("local", int(match[1] or 0))
        if text == "auto" or re.fullmatch(r"(?!local:)(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}", text):
            return cls(text)
        raise GenretError(
            f"--ray {text!r}: expected local, local:N for N workers here, auto for the Ray that runs on this machine, "
            "or the HOST:PORT that `ray start --head` says"
        )


class Machine(NamedTuple):
    """What a machine of a cluster says of itself."""

    genret: str
    torch: str
    instructions: str
    sees_run: bool


class Workers:
    """Ray's workers. Their jobs are functions and classes that can be imported, over arguments that are small."""

    def __init__(self, ray: Any, count: int, gpus: int) -> None:
        self._ray, self.count, self.gpus = ray, count, gpus

    def run(self, function: Callable[[S, J], R], shared: S, jobs: Sequence[J], name: str) -> list[R]:
        """`function(shared, job)` for every job, on whatever workers there are; the results in any order."""
        if not jobs:
            return []
        task = self._ray.remote(max_retries=RETRIES, num_cpus=1)(function)
        given = self._ray.put(shared)
        done = self._ray.util.as_completed([task.remote(given, job) for job in jobs], chunk_size=1)
        return _watched(done, len(jobs), name)

    def run_actors(
        self, kind: Callable[[Any], Any], shared: Any, jobs: Sequence[Any], name: str, *, gpu: bool = False
    ) -> None:
        """`kind(shared).run(job)` for every job, each worker keeping its own `kind(shared)` from one to the next."""
        if not jobs:
            return
        gpu = gpu and self.gpus > 0
        own = {"num_gpus": 1} if gpu else {"num_cpus": 1}
        actor = self._ray.remote(max_restarts=RETRIES, max_task_retries=RETRIES, **own)(kind)
        actors = [actor.remote(shared) for _ in range(min(self.gpus if gpu else self.count, len(jobs)))]
        pool = self._ray.util.ActorPool(actors)
        results = pool.map_unordered(lambda one, job: one.run.remote(job), list(jobs))
        _watched(results, len(jobs), name)
        for one in actors:
            self._ray.kill(one)

    def machines(self, run: Path) -> list[Machine]:
        """What every machine says of itself, and whether it sees the run's folder."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        look = self._ray.remote(num_cpus=0, max_retries=3)(describe_machine)
        nodes = [node["NodeID"] for node in self._ray.nodes() if node["Alive"]]
        asked = [
            look.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote(str(run))
            for node in nodes
        ]
        with _one_line("asking the machines of the cluster"):
            return [Machine(*found) for found in self._ray.get(asked)]


def _watched(results: Iterable[R], total: int, name: str) -> list[R]:
    """All results, counted as they come; what a worker raised, as one line."""
    found = []
    with _one_line(name), progress(name, total) as bar:
        for one in results:
            found.append(one)
            bar.advance(1)
    return found


@contextmanager
def workers(address: Address, run: Path) -> Iterator[Workers]:
    """Ray's workers at an address, for a block; a Ray that was started for it ends with it.

    A GenretError where Ray is not installed, nobody answers, or the machines cannot work on the run together.
    """
    require_extras("ray")
    for name, value in {**QUIET, **PATIENT}.items():
        os.environ.setdefault(name, value)
    if address.where not in ("local", "auto"):
        _check_answers(address.where)
    ray = require("ray", "ray")
    threads = os.environ.get(THREADS, "") or "1"
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    passed |= {THREADS: threads, "OMP_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "false"}
    own: dict[str, Any] = {"runtime_env": {"env_vars": passed}, "log_to_driver": False, "logging_level": "CRITICAL"}
    if address.where == "local":
        own |= {"num_cpus": address.workers or cores(), "include_dashboard": False, "object_store_memory": OBJECT_STORE}
    _start(ray, address.where, own)
    try:
        found = Workers(ray, int(ray.cluster_resources().get("CPU", 1)), int(ray.cluster_resources().get("GPU", 0)))
        if address.where != "local":
            check_machines(found.machines(run.resolve()), run)
        yield found
    finally:
        ray.shutdown()


def _start(ray: Any, where: str, options: Mapping[str, Any]) -> None:
    """Ray joined, or started; a GenretError where it is not to be had."""
    import psutil  # Ray brings it along

    for _ in range(STARTS if where == "local" else 1):
        before = set(psutil.Process().children(recursive=True))
        try:
            ray.init(address=where, **options)
            return
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            said = str(error)
            break
        except Exception as error:  # a bare one, where its processes take longer than 30 s: a machine in heavy use
            said = str(error)
            ray.shutdown()
            for left in set(psutil.Process().children(recursive=True)) - before:  # it forgets those of half a start
                with suppress(psutil.NoSuchProcess):
                    left.kill()
    said = said.strip().splitlines()[0] if said.strip() else "no reason given"
    raise GenretError(f"--ray {where}: {said}; start one with `ray start --head`, or use local")


def describe_machine(run: str) -> tuple[str, str, str, bool]:
    """What a machine says of itself: the fields of a `Machine`."""
    import torch

    from genret import __version__
    from genret.ground.hardware import instructions

    return __version__, str(torch.__version__), instructions(), Path(run).is_dir()


def check_machines(machines: Sequence[Machine], run: Path) -> None:
    """A GenretError unless all see the run's folder and have the versions that this process has."""
    blind = sum(not machine.sees_run for machine in machines)
    if blind:
        raise GenretError(
            f"{blind} of the {len(machines)} machines do not see {run.resolve()}; give an --out on a file system that "
            "all of them share"
        )
    own = Machine(*describe_machine(str(run)))
    for machine in machines:
        for name in ("genret", "torch"):
            if getattr(machine, name) != getattr(own, name):
                raise GenretError(
                    f"a machine of the cluster has {name} {getattr(machine, name)}, this one {getattr(own, name)}; "
                    "install the same on all"
                )
    if len({machine.instructions for machine in (own, *machines)}) > 1:
        kinds = ", ".join(sorted({machine.instructions for machine in (own, *machines)}))
        print(f"genret: warning: processors of several kinds ({kinds}): bytes may differ by rounding", file=sys.stderr)


def _check_answers(address: str) -> None:
    """A GenretError unless Ray answers at HOST:PORT. Ray itself would go on asking for minutes."""
    host, _, port = address.rpartition(":")
    remedy = "give the HOST:PORT that `ray start --head` says, or use local"
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise GenretError(f"--ray {address}: nobody answers there ({error}); {remedy}") from None
    program = f"import ray; ray.init(address={address!r}, log_to_driver=False, logging_level='CRITICAL')"
    try:
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=JOIN_SECONDS)
    except subprocess.TimeoutExpired:
        raise GenretError(f"--ray {address}: what answers there is not Ray; {remedy}") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise GenretError(f"--ray {address}: cannot be joined ({lines[-1][:200]}); {remedy}")


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """What a worker raised, or that workers are lost again and again, as one GenretError."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError as error:
        cause = error.cause
        if isinstance(cause, GenretError):
            raise GenretError(str(cause)) from None
        raise
    except RayError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise GenretError(
            f"{what}: the workers were lost more than {RETRIES} times, or Ray itself ({type(error).__name__}: "
            f"{lines[0][:160]}); what is finished is kept: run the same command again"
        ) from None
