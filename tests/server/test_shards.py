"""Shards behind servers, searched by a coordinator: real processes on loopback, replaced and killed as they serve."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from forked_servers import Forked, Servers
from served import eventually

from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.shard import ShardDown
from genret.pipeline.split import split
from genret.search.beam import BeamSettings
from genret.server.arrays import packed, unpacked
from genret.server.remote import RemoteShard
from genret.server.settings import ServeSettings
from genret.server.shard_runs import ShardRuns

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
QUERIES = ["oat milk", "organic soap", "sparkling water", "tomatoe sauce", "dog food"]
ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({"system": "genret"}, {"hybrid": False}),
    "filtered": ({"system": "genret", "where": "price < 5"}, {"hybrid": False, "where": "price < 5"}),
    "exact": ({"system": "genret", "exact": True, "k": 5}, {"hybrid": False, "exact": True, "k": 5}),
    "hybrid": ({"system": "hybrid"}, {"hybrid": True}),
    "capped": ({"system": "hybrid", "max_per_prefix": 1}, {"hybrid": True, "max_per_prefix": 1}),
    "rescored": ({"rescore": 0.1}, {"rescore": 0.1}),
    "dense": ({"system": "dense"}, {"by": "dense"}),
    "bm25": ({"system": "bm25"}, {"by": "bm25"}),
}


class Cluster:
    """Two shards, the second one on two servers, and their coordinator."""

    def __init__(self, servers: Servers, run: Path, folder: Path) -> None:
        self.run, self.out, self.servers = folder / "run", folder / "out", servers
        shutil.copytree(run, self.run)
        self.about = split(self.run, self.out, 2)
        self.first = self.serve("shard-00")
        self.second, self.replica = self.serve("shard-01"), self.serve("shard-01")
        at = (("shard-00", self.first), ("shard-01", self.second), ("shard-01", self.replica))
        self.at = [part for name, server in at for part in ("--at", f"{name}={server.ready().url}")]
        self.coordinator = self.coordinate("partial").ready()

    def serve(self, name: str, *more: str) -> Forked:
        return self.servers.start(str(self.out / name), "--shard", "--reload-seconds", "0.2", *more)

    def coordinate(self, when_down: str) -> Forked:
        return self.servers.start(str(self.out), *self.at, "--when-down", when_down, "--reload-seconds", "0.2")


@pytest.fixture(scope="module")
def cluster(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    servers = Servers(folder)
    try:
        yield Cluster(servers, built_run, folder)
    finally:
        servers.close()


def ask(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/search", json={"query": QUERIES, "timeout_ms": 60_000, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_coordinator_answers_as_the_whole_run(cluster: Cluster) -> None:
    whole = Retriever.load(cluster.run)
    with cluster.coordinator.client() as client:
        for kind, (body, options) in ASKED.items():
            found = ask(client, **body)
            assert found["generation"] == 1
            for result, wanted in zip(found["results"], whole.search(QUERIES, **options), strict=True):
                ids = [hit["product"]["id"] for hit in result["hits"]]
                assert ids == [hit.product.id for hit in wanted], (kind, result["query"])
                scores = [hit["score"] for hit in result["hits"]]
                assert scores == pytest.approx([hit.score for hit in wanted], abs=1e-4)
                assert (result["exact"], result["corrected"]) == (wanted.exact, wanted.corrected)
                assert "missing" not in result


def test_a_coordinator_says_what_it_serves_and_what_it_does_not(cluster: Cluster) -> None:
    with cluster.coordinator.client() as client:
        ask(client, system="genret")
        (served,) = client.get("/info").json()["runs"]
        assert (served["shards"], served["products"]) == (2, cluster.about.products)
        assert 0 < served["shards_asked"] <= 2
        refused = client.post("/v1/search", json={"query": "oat milk", "explain": True, "system": "genret"})
        assert refused.status_code == 422
        assert "a beam over shards is not drawn" in refused.json()["error"]["message"]
        assert client.get("/v1/products/1").status_code == 404
        wrong = client.post("/v1/search", json={"query": "oat milk", "where": "prize < 5"})
        assert wrong.status_code == 422
        assert "prize" in wrong.json()["error"]["message"]


def test_a_shard_answers_for_the_versions_that_it_holds_and_no_nonsense(cluster: Cluster) -> None:
    version = cluster.about.shards[0].version
    with cluster.first.client() as client:
        for body, status in (
            ({"version": version, "call": "codes"}, 200),
            ({"version": "another", "call": "codes"}, 409),
            ({"version": version, "call": "rm"}, 422),
            ({"version": version, "call": "beam", "texts": ["milk"]}, 422),
            ({"version": version, "call": "products", "positions": {"kind": "int64", "shape": [9], "bytes": ""}}, 422),
            ({"version": version, "call": "products", "positions": packed(np.array([10**9]))}, 422),
            ({"call": "codes"}, 422),
            ([], 422),
        ):
            answer = client.post("/v1/shard", content=json.dumps(body), headers={"content-type": "application/json"})
            assert answer.status_code == status, (body, answer.text)
        assert client.post("/v1/search", json={"query": "oat milk"}).status_code == 200, "and searches as any run"
    with cluster.coordinator.client() as client:
        assert client.post("/v1/shard", json={"version": version, "call": "codes"}).status_code == 404


def test_a_new_generation_is_rolled_over_and_every_answer_is_of_one(cluster: Cluster) -> None:
    """Every product costs 1,000 more in the new generation, so that a hit says of which it is."""
    answers, failures, stop = list[dict[str, Any]](), list[str](), threading.Event()

    def shop() -> None:
        with cluster.coordinator.client() as client:
            while not stop.is_set():
                try:
                    answers.append(ask(client, system="hybrid"))
                except (AssertionError, httpx.HTTPError) as error:
                    failures.append(repr(error))

    shoppers = [threading.Thread(target=shop) for _ in range(2)]
    for shopper in shoppers:
        shopper.start()
    try:
        index = RunFolder(cluster.run).index()
        products = index.products(np.arange(index.trie.num_products))
        index.update([one._replace(price=(one.price or 0) + 1000) for one in products])
        index.compact()
        assert split(cluster.run, cluster.out, 2).generation == 2
        eventually(lambda: bool(answers) and answers[-1]["generation"] == 2)
        enough = len(answers) + 4
        eventually(lambda: len(answers) > enough)
    finally:
        stop.set()
        for shopper in shoppers:
            shopper.join()
    assert not failures
    assert {answer["generation"] for answer in answers} == {1, 2}
    for answer in answers:
        hits = [hit for result in answer["results"] for hit in result["hits"]]
        assert hits
        assert {hit["product"]["price"] >= 1000 for hit in hits} == {answer["generation"] == 2}
        assert not any("missing" in result for result in answer["results"])


def test_a_replica_takes_over_and_without_one_the_answer_says_what_it_lacks(cluster: Cluster) -> None:
    strict = cluster.coordinate("error").ready()
    with cluster.coordinator.client() as client, strict.client() as other:
        complete = ask(client, system="genret")
        cluster.second.end(signal.SIGKILL)
        for _ in range(4):
            assert _ids(ask(client, system="genret")) == _ids(complete), "the replica has it all"
        cluster.replica.end(signal.SIGKILL)
        partial = ask(client, system="hybrid")
        assert all(result["missing"] == ["shard-01"] and not result["exact"] for result in partial["results"])
        start = cluster.about.shards[1].start
        assert all(hit["semantic_id"][0] < start for result in partial["results"] for hit in result["hits"])
        refused = other.post("/v1/search", json={"query": "oat milk", "system": "hybrid"})
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "shard_down"
        assert "shard-01 does not answer" in refused.json()["error"]["message"]
        cluster.serve("shard-01", "--port", str(cluster.second.port)).ready()
        eventually(lambda: _ids(ask(client, system="genret")) == _ids(complete))
        eventually(lambda: other.post("/v1/search", json={"query": "oat milk"}).status_code == 200)


def _ids(answer: dict[str, Any]) -> list[list[str]]:
    return [[hit["product"]["id"] for hit in result["hits"]] for result in answer["results"]]


@pytest.mark.parametrize("at", [("shard-00",), ("shard-00=ftp://here",), ("=http://here",)])
def test_addresses_that_are_none_are_refused(at: tuple[str, ...]) -> None:
    with pytest.raises(GenretError, match="expected NAME=URL"):
        ShardRuns(Path("nowhere"), at, "error", None, lambda event, fields: None)  # type: ignore[arg-type]


CALLS: dict[str, Callable[[RemoteShard], object]] = {
    "codes": lambda shard: shard.codes(None),
    "beam": lambda shard: shard.beam(["oat"], None, np.zeros((1, 1), np.int64), 5, 5),
    "above": lambda shard: shard.above(["oat"], None, np.zeros(1, np.float32), BeamSettings()),
    "alone": lambda shard: shard.alone(["oat"], None, BeamSettings()),
    "ceilings": lambda shard: shard.ceilings(),
    "words": lambda shard: shard.words(["oat"], None, 5),
    "neighbours": lambda shard: shard.neighbours(np.zeros((1, 4), np.float32), None, 5),
    "weights": lambda shard: shard.weights(["oat"], np.zeros((1, 4), np.float32), np.zeros((1, 1), np.int64)),
    "products": lambda shard: shard.products(np.zeros(1, np.int64)),
}
OTHER_FORMS: dict[str, dict[str, Any]] = {
    "the former": {
        "mask": packed(np.zeros(3, np.bool_)),
        "problems": [],
        "words": ["oat"],
        "most": packed(np.ones(1, np.float32)),
    },
    "another kind": dict.fromkeys(("prefixes", "starts", "scores", "positions", "cosines", "products", "ids"), 7),
    "too few": {"words": ["a", "b"], "starts": packed(np.zeros(1, np.int64)), "prefixes": packed(np.zeros(0, np.int64))}
    | {"most": packed(np.zeros(0, np.float32)), "problems": 5, "products": [{}]},
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_a_shard_of_another_genret_is_down_in_one_line(form: str) -> None:
    """Whose answers have the right version of the run, and another form."""

    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.dumps({"version": "v", **OTHER_FORMS[form]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server, httpx.Client(trust_env=False) as client:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        shard = RemoteShard("shard-00", "v", [f"http://127.0.0.1:{server.server_port}"], client)
        for name, call in CALLS.items():
            with pytest.raises(ShardDown, match=f"^shard-00 answers '{name}' in a form that .* one version of genret$"):
                call(shard)
        server.shutdown()


def test_a_coordinator_serves_nothing_else() -> None:
    with pytest.raises(GenretError, match="a coordinator serves nothing beside its shards"):
        ServeSettings((Path("a"), Path("b")), at=("shard-00=http://here",))


@pytest.mark.parametrize("array", [np.zeros((0, 3), np.float32), np.arange(4), np.array([[True, False]])])
def test_arrays_arrive_as_they_were_sent(array: Any) -> None:
    told = json.loads(json.dumps(packed(array)))
    found = unpacked(told, str(array.dtype), array.ndim)
    assert np.array_equal(found, array)
    assert found.dtype == array.dtype
    bad: list[Any] = [None, {}, told | {"shape": [10**9]}, told | {"bytes": "!"}, told | {"shape": [-1, 3]}]
    for wrong in bad:
        with pytest.raises(GenretError, match="expected one of"):
            unpacked(wrong, str(array.dtype), array.ndim)
