"""The server as a process: tokens, start, end, newer artifacts, several workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner
from served import PATIENCE, Server, eventually, serving
from small_run import SMALL

from genret.cli import cli
from genret.ground.artifacts import read_artifact, write_artifact
from genret.ground.errors import GenretError
from genret.pipeline.stages import train_stage
from genret.server.app import create_app
from genret.server.runs import run_names
from genret.server.settings import Access, Limits, ServeSettings, tokens
from genret.training.settings import ModelSettings, TrainSettings

TOKENS = {"GENRET_TOKEN": "reading-1234", "GENRET_CHANGE_TOKEN": "changing-1234"}


class Clients:
    """Shoppers who ask again and again; every answer is kept, and whatever goes wrong."""

    def __init__(self, server: Server, count: int = 8) -> None:
        self.statuses: list[int] = []
        self.failures: list[str] = []
        self._server, self._stop = server, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self, number: int) -> None:
        with self._server.client() as client:
            while not self._stop.is_set():
                try:
                    answer = client.post("/v1/search", json={"query": f"oat milk {number}", "k": 5})
                except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError) as error:
                    self.failures.append(f"{type(error).__name__}: {error}")
                    return
                self.statuses.append(answer.status_code)

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def test_tokens_guard_every_route_and_changes_need_their_own(tmp_path: Path) -> None:
    """Who is let in is decided before anything is looked up: what is, here meets a run that was never loaded (503)."""
    read, change = TOKENS.values()
    access = Access(read, change, changes=True)
    transport = httpx.ASGITransport(create_app(ServeSettings((tmp_path,), access=access)))
    reading, changing = ({"authorization": f"Bearer {token}"} for token in TOKENS.values())
    wrong = [{}, {"authorization": "Bearer wrong-1234"}, {"authorization": "Basic reading-1234"}]

    async def ask(method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers)

    def status(method: str, path: str, headers: dict[str, str]) -> int:
        return asyncio.run(ask(method, path, headers)).status_code

    for path in ("/info", "/metrics", "/openapi.json", "/v1/facets", "/v1/ids/1", "/v1/products/x", "/nowhere"):
        assert [status("GET", path, headers) for headers in wrong] == [401] * 3, path
        assert status("GET", path, reading) != 401
        assert status("GET", path, changing) != 401
    assert asyncio.run(ask("GET", "/info", {})).headers["www-authenticate"] == "Bearer"
    assert [status("GET", path, {}) for path in ("/health", "/", "/static/app.js")] == [200] * 3
    changes = [("PUT", "/v1/products"), ("PATCH", "/v1/products"), ("DELETE", "/v1/products/x"), ("POST", "/v1/reload")]
    for method, path in changes:
        assert [status(method, path, headers) for headers in (*wrong, reading)] == [401] * 4, path
        assert status(method, path, changing) == 503


def test_a_named_origin_may_call_and_no_other(tmp_path: Path) -> None:
    app = create_app(ServeSettings((tmp_path,), access=Access(origins=("https://shop.example",))))

    async def allowed(origin: str) -> str | None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            answer = await client.get("/health", headers={"origin": origin})
            found: str | None = answer.headers.get("access-control-allow-origin")
            return found

    assert asyncio.run(allowed("https://shop.example")) == "https://shop.example"
    assert asyncio.run(allowed("https://evil.example")) is None


def family(server: Server) -> list[int]:
    """The server's process, and those that it has started."""
    pid = server.process.pid
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def wait_for_workers(server: Server, count: int) -> None:
    """Until each of them has answered."""
    processes: set[int] = set()

    def all_of_them() -> bool:
        with server.client() as client:  # a connection of its own, to whichever worker takes it
            answer = client.get("/info")
            if answer.status_code == 200:
                processes.add(answer.json()["process"])
        return len(processes) == count

    eventually(all_of_them)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_answers_what_was_accepted(workers: int, built_run: Path, tmp_path: Path) -> None:
    with serving(built_run, tmp_path, "--workers", str(workers)) as server:
        wait_for_workers(server, workers)
        clients = Clients(server)
        eventually(lambda: len(clients.statuses) > 20)
        assert server.stop() == 0
        clients.stop()
        stopped = [line for line in server.log() if line["event"] == "stopped"]
        assert len(stopped) == workers
        assert all(one["accepted"] == one["answered"] for one in stopped)
        assert set(clients.statuses) == {200}
        answered = [line for line in server.log() if line["event"] == "request" and line["method"] == "POST"]
        assert len(answered) == len(clients.statuses)  # nobody was answered who did not get it, and none was lost
        assert all("ConnectError" in failure for failure in clients.failures), clients.failures


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="a server's workers are looked up in /proc")
@pytest.mark.parametrize("workers", [1, 2])
def test_who_was_connected_before_sigterm_is_answered_though_nobody_had_accepted_yet(
    workers: int, built_run: Path, tmp_path: Path
) -> None:
    body = json.dumps({"query": "oat milk", "k": 3}).encode()
    head = (
        f"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    )
    with serving(built_run, tmp_path, "--workers", str(workers)) as server:
        wait_for_workers(server, workers)
        url = urlsplit(server.url)
        for pid in family(server):
            os.kill(pid, signal.SIGSTOP)
        waiting = [socket.create_connection((url.hostname, url.port), PATIENCE) for _ in range(12)]
        for one in waiting[:6]:
            one.sendall(f"{head}\r\n\r\n".encode() + body)
        server.process.terminate()
        for pid in family(server):
            os.kill(pid, signal.SIGCONT)
            time.sleep(1)  # a supervisor tells its workers to end, before they accept again
        for one in waiting[6:]:
            one.sendall(f"{head}\r\n\r\n".encode() + body)
        for one in waiting:
            with one, one.makefile("rb") as answer:
                assert answer.read().startswith(b"HTTP/1.1 200 ")
        assert server.stop() == 0


def test_a_newer_model_is_taken_up_under_load_and_rolled_back_and_a_broken_one_left(
    run_copy: Path, tmp_path: Path
) -> None:
    with serving(run_copy, tmp_path, "--changes", "--reload-seconds", "0.2") as server, server.client() as client:

        def version() -> str:
            found: str = client.get("/info").json()["runs"][0]["version"]
            return found

        before = version()
        clients = Clients(server, 4)
        train_stage(run_copy, ModelSettings(**SMALL["model"]), TrainSettings(**{**SMALL["train"], "max_steps": 5}))
        eventually(lambda: version() != before)
        seen = len(clients.statuses)
        eventually(lambda: len(clients.statuses) > seen + 10)
        assert client.post("/v1/rollback").json()["runs"][0]["version"] == before
        time.sleep(1)  # several looks for newer artifacts
        assert version() == before
        assert client.post("/v1/rollback").status_code == 409
        clients.stop()
        assert set(clients.statuses) == {200}
        assert clients.failures == []

        broken = {
            name: (run_copy / "model" / name).read_bytes() for name in read_artifact(run_copy / "model", "model").files
        }
        with write_artifact(run_copy / "model", "model", inputs={"tokenizer": "another"}) as folder:
            for name, content in broken.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content[:100] if name.endswith(".safetensors") else content)
        eventually(lambda: any(line["event"] == "reload_failed" for line in server.log()))
        assert version() == before
        assert client.post("/v1/search", json={"query": "milk"}).status_code == 200
        assert client.get("/ready").status_code == 200
        events = [line["event"] for line in server.log() if line["event"] != "request"]
        assert events == ["ready", "reloaded", "rolled_back", "reload_failed"]


def test_several_workers_answer_follow_changes_and_add_up_their_metrics(run_copy: Path, tmp_path: Path) -> None:
    with serving(run_copy, tmp_path, "--workers", "2", "--changes") as server:
        wait_for_workers(server, 2)
        with server.client() as client:
            put = client.put("/v1/products", json={"products": [{"id": "w1", "title": "Worker milk"}]})
            assert put.status_code == 200
        for _ in range(12):
            with server.client() as client:
                assert client.get("/v1/products/w1").status_code == 200
        with server.client() as client:
            lines = client.get("/metrics").text.splitlines()
        count = sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith('genret_requests_total{method="GET",route="/v1/products')
        )
        assert count == 12
        assert server.stop() == 0


def test_a_run_that_is_none_is_one_line_and_exit_code_2(built_run: Path, tmp_path: Path) -> None:
    def tried(*arguments: str) -> str:
        command = [sys.executable, "-m", "genret", "serve", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 2, done.stderr
        assert done.stdout == ""
        assert done.stderr.count("\n") == 1
        return done.stderr

    assert "no such run folder" in tried(str(tmp_path / "nothing"))
    assert "no setting 'depth'" in tried(str(built_run), "--limit", "depth=3")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "give another --port" in tried(str(built_run), "--port", str(taken.getsockname()[1]))


def test_settings_refuse_what_would_be_unsafe_or_senseless(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="GENRET_CHANGE_TOKEN"):
        ServeSettings((tmp_path,), host="0.0.0.0", access=Access(changes=True))
    ServeSettings((tmp_path,), host="0.0.0.0", access=Access(changes=True, change_token="x" * 8))
    with pytest.raises(GenretError, match=r"limits\.k=0: expected more than 0"):
        Limits(k=0)
    with pytest.raises(GenretError, match="at least 8 printable"):
        tokens({"GENRET_TOKEN": "short"})
    assert "x" * 8 not in repr(Access(token="x" * 8))
    assert "x" * 8 not in ServeSettings((tmp_path,), access=Access(token="x" * 8)).to_json()


def test_settings_reach_the_workers_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServeSettings(
        (tmp_path, tmp_path / "b"),
        workers=2,
        control=tmp_path,
        limits=Limits(k=7),
        access=Access("r" * 8, "c" * 8, True),
    )
    monkeypatch.setenv("GENRET_SERVE", settings.to_json())
    monkeypatch.setenv("GENRET_TOKEN", "r" * 8)
    monkeypatch.setenv("GENRET_CHANGE_TOKEN", "c" * 8)
    assert ServeSettings.from_environment() == settings


def test_runs_are_named_by_as_much_of_their_path_as_tells_them_apart(tmp_path: Path) -> None:
    assert run_names([tmp_path / "demo", tmp_path / "demo" / "lambda0"]) == ["demo", "lambda0"]
    assert run_names([tmp_path / "a" / "run", tmp_path / "b" / "run"]) == ["a/run", "b/run"]
    with pytest.raises(GenretError, match="given twice"):
        run_names([tmp_path, tmp_path])


def test_genret_serve_explains_itself() -> None:
    shown = CliRunner().invoke(cli, ["serve", "--help"])
    assert shown.exit_code == 0
    assert "GENRET_TOKEN" in shown.output
