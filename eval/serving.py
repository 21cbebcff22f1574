"""What the HTTP service stands: throughput, percentiles, ten times too much, SIGTERM, reload; over loopback only.

    python eval/serving.py runs/demo                # minutes; table and JSON to eval/results/serving
    python eval/serving.py runs/demo --soak 3600    # and an hour of searches, changes and compactions

    batched      16 clients against a server that batches, and against one that decodes one query at a time, in turns
    overload     160 clients, each with a deadline, against a short queue: answered or refused in time, memory
    sigterm      16 clients while the server is told to end: what was accepted is answered
    reload       16 clients while a newer model is taken up and rolled back
    offline      processor time per query of `Retriever.search` by how many are asked at once: what batching can gain
    memory       what the process, and each of two workers, holds by itself (USS), and with its share of the rest (PSS)

Clients are threads of this process with connections that stay open. Latencies are theirs, from request to answer.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil
from script import RESULTS, run_script, write_results

from genret.data.records import load_dataset

CLIENTS = 16
ASKED = 192
"""Queries searched offline."""
STARTUP = 180


@dataclass
class Server:
    """A running `genret serve`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> Any:
        status, body, _ = request(HTTPConnection("127.0.0.1", self.port, timeout=STARTUP), "GET", path)
        assert status == 200, body
        return json.loads(body)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(120)

    def cpu(self) -> float:
        """Seconds of processor that it has used."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def memory(self) -> list[dict[str, float]]:
        """MiB of every process that answers: its own, and with its share of what it maps with others."""
        root = psutil.Process(self.process.pid)
        found = [one for one in [root, *root.children(recursive=True)] if _serves(one)]
        full = [one.memory_full_info() for one in found]
        return [{"uss": round(m.uss / 2**20), "pss": round(m.pss / 2**20), "rss": round(m.rss / 2**20)} for m in full]


@dataclass
class Load:
    """What clients saw."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    over: int = 0
    """Answers or refusals that came after the deadline and half a second."""

    def row(self, wall: float, cpu: float = 0.0) -> dict[str, Any]:
        p50, p95, p99 = (1000 * np.percentile(self.seconds, (50, 95, 99))).round(1).tolist()
        rate = round(self.statuses["200"] / wall, 1)
        row = {"per_second": rate, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "statuses": dict(self.statuses)}
        return {**row, "per_cpu_second": round(self.statuses["200"] / cpu, 1)} if cpu else row


@contextmanager
def serving(run: Path, *flags: str) -> Iterator[Server]:
    """`genret serve` on a free port, ready."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        command = [sys.executable, "-m", "genret", "serve", str(run), "--port", "0", *flags]
        with open(log, "wb") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        server = Server(process, _port(process, log), log)
        _wait(server)
        try:
            yield server
        finally:
            server.stop()


def request(connection: HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of one request."""
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"content-type": "application/json"} if content else {})
    answer = connection.getresponse()
    return answer.status, answer.read(), dict(answer.getheaders())


def load(server: Server, queries: Sequence[str], clients: int, seconds: float, timeout_ms: int = 10_000) -> Load:
    """So many clients, each asking for one query after another, for so many seconds."""
    total, lock, end = Load(), threading.Lock(), time.perf_counter() + seconds

    def client(number: int) -> None:
        own, rng = Load(), random.Random(number)
        connection = HTTPConnection("127.0.0.1", server.port, timeout=STARTUP)
        while time.perf_counter() < end:
            body = {"query": rng.choice(queries), "k": 10, "timeout_ms": timeout_ms}
            started = time.perf_counter()
            try:
                status, _, headers = request(connection, "POST", "/v1/search", body)
            except (OSError, HTTPException) as error:
                own.statuses[type(error).__name__] += 1
                break
            took = time.perf_counter() - started
            own.seconds.append(took)
            own.statuses[str(status)] += 1
            own.over += took > timeout_ms / 1000 + 0.5
            if status == 429:
                time.sleep(min(0.2, float(headers["retry-after"])) * rng.random())
        connection.close()
        with lock:
            total.seconds += own.seconds
            total.statuses += own.statuses
            total.over += own.over

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return total


def batched(run: Path, queries: Sequence[str], seconds: float, turns: int) -> dict[str, Any]:
    """Throughput of 16 clients, batched and one at a time, in turns on two servers that run side by side."""
    rows: dict[str, list[dict[str, Any]]] = {"batched": [], "one at a time": []}
    with serving(run) as many, serving(run, "--queue", "max_batch=1") as single:
        for server in (many, single):
            load(server, queries, CLIENTS, min(2.0, seconds))  # warm
        for _ in range(turns):
            for name, server in (("batched", many), ("one at a time", single)):
                started, cpu = time.perf_counter(), server.cpu()
                found = load(server, queries, CLIENTS, seconds)
                rows[name].append(found.row(time.perf_counter() - started, server.cpu() - cpu))
        mean = _mean_batch(many)
        one_client = load(many, queries, 1, seconds).row(seconds)
    best = {name: sorted(found, key=lambda row: row["per_second"])[len(found) // 2] for name, found in rows.items()}
    pairs = list(zip(*rows.values(), strict=True))
    ratio, ratio_cpu = (
        round(float(np.median([a[name] / b[name] for a, b in pairs])), 2) for name in ("per_second", "per_cpu_second")
    )
    return {**best, "one client": one_client, "ratio": ratio, "ratio_cpu": ratio_cpu, "mean_batch": mean}


def offline(run: Path, queries: Sequence[str]) -> dict[str, float]:
    """Milliseconds of processor per query, one thread, by how many queries are searched together."""
    from genret import Retriever
    from genret.ground.hardware import use_threads

    use_threads(1)
    retriever, found = Retriever.load(run), dict[str, float]()
    retriever.search(list(queries[:64]))
    for size in (1, 8, 16, 32):
        started = time.process_time()
        for start in range(0, ASKED, size):
            retriever.search(list(queries[start : start + size]))
        found[str(size)] = round(1000 * (time.process_time() - started) / ASKED, 2)
    return found


def overload(run: Path, queries: Sequence[str], seconds: float) -> dict[str, Any]:
    """Ten times as many clients as are served well, with a deadline of two seconds and a short queue."""
    with serving(run, "--queue", "max_queue=64") as server:
        load(server, queries, CLIENTS, 2)
        before = server.memory()[0]
        started = time.perf_counter()
        found = load(server, queries, 10 * CLIENTS, seconds, timeout_ms=2000)
        wall = time.perf_counter() - started
        after = server.memory()[0]
        return {**found.row(wall), "late": found.over, "uss_before": before["uss"], "uss_after": after["uss"]}


def sigterm(run: Path, queries: Sequence[str]) -> dict[str, Any]:
    """What 16 clients get while the server is told to end."""
    with serving(run) as server:
        timer = threading.Timer(2, server.process.terminate)
        timer.start()
        found = load(server, queries, CLIENTS, 10)
        code = server.process.wait(120)
        (stopped,) = [event for event in server.events() if event["event"] == "stopped"]
        answered = sum(event["event"] == "request" and event["method"] == "POST" for event in server.events())
    refused = sum(found.statuses[name] for name in ("ConnectionRefusedError",))
    lost = sum(count for name, count in found.statuses.items() if not name.isdigit()) - refused
    return {
        "statuses": dict(found.statuses),
        "accepted": stopped["accepted"],
        "answered": stopped["answered"],
        "searches_answered_by_the_log": answered,
        "lost": lost + stopped["accepted"] - stopped["answered"],
        "exit_code": code,
    }


def reload(run: Path, queries: Sequence[str]) -> dict[str, Any]:
    """What 16 clients get while a newer model is taken up, and rolled back. Works on a copy of the run."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(run, Path(folder) / "run", ignore=shutil.ignore_patterns("eval", "lambda0", ".*")))
        with serving(copy, "--changes", "--reload-seconds", "0.5") as server:
            before = server.get("/info")["runs"][0]["version"]
            done: list[str] = []

            def swap() -> None:
                time.sleep(1)
                _touch_model(copy / "model")
                while server.get("/info")["runs"][0]["version"] == before:
                    time.sleep(0.1)
                done.append("taken")
                time.sleep(1)
                request(HTTPConnection("127.0.0.1", server.port, timeout=STARTUP), "POST", "/v1/rollback")
                done.append("rolled back" if server.get("/info")["runs"][0]["version"] == before else "not rolled back")

            thread = threading.Thread(target=swap)
            thread.start()
            found = load(server, queries, CLIENTS, 15)
            thread.join()
    failed = sum(count for name, count in found.statuses.items() if name != "200")
    return {"statuses": dict(found.statuses), "failed": failed, "happened": done}


def memory(run: Path, queries: Sequence[str]) -> dict[str, Any]:
    """MiB of one process, and of each of two workers, after some searches."""
    found = {}
    for workers in (1, 2):
        with serving(run, "--workers", str(workers)) as server:
            load(server, queries, CLIENTS, 5)
            found[f"{workers} worker{'s' * (workers > 1)}"] = server.memory()
    return found


def soak(run: Path, queries: Sequence[str], seconds: float) -> dict[str, Any]:
    """Searches, changes and compactions for so long: memory, and whether every product put is found as it is."""
    wrong, changes, sizes = 0, 0, list[int]()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(run, Path(folder) / "run", ignore=shutil.ignore_patterns("eval", "lambda0", ".*")))
        with serving(copy, "--changes") as server:
            end, statuses = time.perf_counter() + seconds, Counter[str]()
            while time.perf_counter() < end:
                statuses += load(server, queries, 8, min(10, seconds / 6)).statuses
                wrong += _change_and_look(server, changes)
                changes += 1
                if changes % 5 == 0:
                    subprocess.run(
                        [sys.executable, "-m", "genret", "compact", str(copy)], check=True, capture_output=True
                    )
                sizes.append(int(server.memory()[0]["uss"]))
    return {"seconds": seconds, "rounds": changes, "wrong": wrong, "statuses": dict(statuses), "uss_mib": sizes}


def _change_and_look(server: Server, number: int) -> int:
    """Put ten products, look them up, delete half and look again; how many answers were wrong."""
    connection, wrong = HTTPConnection("127.0.0.1", server.port, timeout=STARTUP), 0
    ids = [f"soak-{number}-{i}" for i in range(10)]
    body = {"products": [{"id": one, "title": f"soak test oat milk {one}", "price": float(number)} for one in ids]}
    wrong += request(connection, "PUT", "/v1/products", body)[0] != 200
    gone = ids[:5]
    wrong += request(connection, "DELETE", "/v1/products?" + "&".join(f"id={one}" for one in gone))[0] != 200
    for one in ids:
        status, content, _ = request(connection, "GET", f"/v1/products/{one}")
        wrong += status != (404 if one in gone else 200)
        wrong += status == 200 and json.loads(content)["product"]["price"] != float(number)
    return wrong


def _touch_model(model: Path) -> None:
    """Put a model of the same weights and another fingerprint in the place of this one."""
    from genret.ground.artifacts import read_artifact, write_artifact

    old = read_artifact(model, "model")
    files = {name: (model / name).read_bytes() for name in old.files}
    with write_artifact(model, "model", {**old.settings, "note": "newer"}, old.inputs) as folder:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def _mean_batch(server: Server) -> float:
    _, text, _ = request(HTTPConnection("127.0.0.1", server.port, timeout=STARTUP), "GET", "/metrics")
    values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return round(float(values["genret_batch_size_sum"]) / float(values["genret_batch_size_count"]), 1)


def _serves(process: psutil.Process) -> bool:
    return any("libtorch" in one.path for one in process.memory_maps())


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    for _ in range(10 * STARTUP):
        line = log.read_text().partition("\n")[0]
        if line.startswith("http://"):
            return int(line.split("/")[2].rpartition(":")[2])
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError("the server never said where it listens")


def _wait(server: Server) -> None:
    for _ in range(10 * STARTUP):
        if request(HTTPConnection("127.0.0.1", server.port, timeout=STARTUP), "GET", "/ready")[0] == 200:
            return
        time.sleep(0.1)
    raise AssertionError(server.log.read_text())


def _queries(run: Path) -> list[str]:
    dataset = load_dataset(run / "data")[0]
    return [query.text for split in ("test", "dev") for query in dataset.split_queries(split)][:500]


def _table(found: dict[str, Any]) -> str:
    lines = []
    if "batched" in found:
        lines += [
            "| 16 clients | per second | per second of processor | p50 ms | p95 ms | p99 ms |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for name in ("batched", "one at a time", "one client"):
            row = found["batched"][name]
            values = (row.get(one, "") for one in ("per_second", "per_cpu_second", "p50_ms", "p95_ms", "p99_ms"))
            lines.append(f"| {name} | {' | '.join(map(str, values))} |")
        both = found["batched"]
        lines += [
            "",
            f"Batched over one at a time: {both['ratio']} by the clock, {both['ratio_cpu']} by processor time.",
            f"{both['mean_batch']} queries per batch; medians of turns.",
            "",
        ]
    rest = [f"{name}: {json.dumps(value)}" for name, value in found.items() if name != "batched"]
    return "\n".join([*lines, "```", *rest, "```", ""])


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--out", default=RESULTS / "serving", type=click.Path(path_type=Path), show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="Of each measurement.")
@click.option("--turns", default=3, show_default=True)
@click.option("--soak", "soak_seconds", default=0.0, help="Also so many seconds of searches, changes and compactions.")
@click.option("--only", multiple=True, help="One of batched, offline, overload, sigterm, reload, memory. Repeatable.")
def main(run: Path, out: Path, seconds: float, turns: int, soak_seconds: float, only: tuple[str, ...]) -> None:
    """Measure a server of RUN, and write OUT/serving.md and OUT/serving.json."""
    queries = _queries(run)
    parts: dict[str, Callable[[], Any]] = {
        "batched": lambda: batched(run, queries, seconds, turns),
        "offline": lambda: offline(run, queries),
        "overload": lambda: overload(run, queries, seconds),
        "sigterm": lambda: sigterm(run, queries),
        "reload": lambda: reload(run, queries),
        "memory": lambda: memory(run, queries),
        "soak": lambda: soak(run, queries, soak_seconds),
    }
    chosen = only or tuple(name for name in parts if name != "soak" or soak_seconds)
    found: dict[str, Any] = {
        "machine": {
            "load": round(os.getloadavg()[0], 1),
            "cores": os.cpu_count(),
            "processor": platform.processor() or platform.machine(),
        }
    }
    for name in chosen:
        found[name] = parts[name]()
        click.echo(f"{name}: {json.dumps(found[name])}")
    write_results(out, "serving", found, _table(found))


if __name__ == "__main__":
    run_script(main)
