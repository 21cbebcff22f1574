"""What Prometheus is told: requests, batches, the seconds of every stage, what was refused, which generation serves.

`Metrics()` is a `Watcher` of the batching queue. With several workers each writes files that any of them can add up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
STAGES = ("queue", "tokenize", "encode", "decode", "rank")
MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The service's counters; `text()` is what /metrics answers."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "genret_requests_total", "Requests answered", ["route", "method", "status"], registry=registry
        )
        self._seconds = Histogram(
            "genret_request_seconds", "From request to answer", ["route"], buckets=SECONDS, registry=registry
        )
        self._stages = {
            stage: Histogram(f"genret_{stage}_seconds", _STAGE_HELP[stage], buckets=SECONDS, registry=registry)
            for stage in STAGES
        }
        self._batch = Histogram("genret_batch_size", "Queries decoded in one batch", buckets=SIZES, registry=registry)
        self._depth = Gauge(
            "genret_queue_depth", "Queries waiting to be decoded", registry=registry, multiprocess_mode="livesum"
        )
        self._queries = Counter(
            "genret_queries_total", "Queries answered, and whether the answer is certified", ["exact"],
            registry=registry,
        )  # fmt: skip
        self._dropped = Counter(
            "genret_queries_dropped_total", "Queries not decoded: full (429), late, or the client gone", ["reason"],
            registry=registry,
        )  # fmt: skip
        self._reloads = Counter(
            "genret_reloads_total", "Newer artifacts taken up, refused or rolled back", ["outcome"], registry=registry
        )
        self._generation = Gauge(
            "genret_index_generation", "Generation of the index that is served", ["run"], registry=registry,
            multiprocess_mode="livemin",
        )  # fmt: skip
        self._products = Gauge(
            "genret_index_products", "Products that can be found", ["run"], registry=registry,
            multiprocess_mode="livemin",
        )  # fmt: skip
        for exact in ("true", "false"):
            self._queries.labels(exact)
        for reason in ("full", "late", "gone"):
            self._dropped.labels(reason)

    def text(self) -> bytes:
        """All of it, of all workers, in Prometheus's text format."""
        if MULTIPROCESS not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        multiprocess.MultiProcessCollector(together)
        return generate_latest(together)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def depth(self, waiting: int) -> None:
        self._depth.set(waiting)

    def batch(self, size: int, waited: Sequence[float]) -> None:
        self._batch.observe(size)
        for seconds in waited:
            self._stages["queue"].observe(seconds)

    def stages(self, seconds: Mapping[str, float]) -> None:
        """The seconds that one batch spent in each stage."""
        for stage, value in seconds.items():
            if stage in self._stages:
                self._stages[stage].observe(value)

    def answered(self, exact: bool) -> None:
        self._queries.labels(str(exact).lower()).inc()

    def dropped(self, reason: str, count: int) -> None:
        self._dropped.labels(reason).inc(count)

    def reloaded(self, outcome: str) -> None:
        self._reloads.labels(outcome).inc()

    def serving(self, run: str, generation: int, products: int) -> None:
        self._generation.labels(run).set(generation)
        self._products.labels(run).set(products)


_STAGE_HELP = {
    "queue": "From a query's arrival to its batch",
    "tokenize": "Text to tokens, for a batch",
    "encode": "Tokens to states, for a batch",
    "decode": "The constrained beam search, for a batch",
    "rank": "Positions to products, and rescoring, for a batch",
}
