"""The queue before the model: what goes together, what is refused, and what is never decoded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from genret.server.batching import BatchQueue, Full, Late, NoWatcher
from genret.server.settings import Batching


class Model:
    """Answers with the text in capitals, when it is let; remembers its batches."""

    def __init__(self, *, held: bool = False) -> None:
        self.batches: list[tuple[str, list[str]]] = []
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __call__(self, key: str, texts: list[str]) -> list[str]:
        self.batches.append((key, texts))
        assert self.go.wait(30)
        if "bad" in texts:
            raise ValueError("bad")
        return [text.upper() for text in texts]


def run(model: Model, settings: Batching, body: Callable[[BatchQueue[str, str]], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        queue: BatchQueue[str, str] = BatchQueue(model, settings, NoWatcher())
        queue.start()
        try:
            return await body(queue)
        finally:
            model.go.set()
            await queue.stop()

    return asyncio.run(main())


def soon(seconds: float = 30) -> float:
    return asyncio.get_running_loop().time() + seconds


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_single_and_list_requests_share_a_batch_and_keep_their_order() -> None:
    model = Model()

    async def body(queue: BatchQueue[str, str]) -> list[list[str]]:
        asked = [
            queue.submit("k", ["a"], soon()),
            queue.submit("k", ["b", "c"], soon()),
            queue.submit("k", ["d"], soon()),
        ]
        return [[answer.value for answer in answers] for answers in await asyncio.gather(*asked)]

    assert run(model, Batching(max_wait_ms=200), body) == [["A"], ["B", "C"], ["D"]]
    assert model.batches == [("k", ["a", "b", "c", "d"])]


def test_only_queries_that_can_share_a_beam_are_put_together_and_the_oldest_goes_first() -> None:
    model = Model()

    async def body(queue: BatchQueue[str, str]) -> None:
        await asyncio.gather(*(queue.submit(key, [text], soon()) for key, text in ("1a", "2b", "1c", "2d")))

    run(model, Batching(max_wait_ms=200), body)
    assert model.batches == [("1", ["a", "c"]), ("2", ["b", "d"])]


def test_a_batch_is_no_larger_than_it_may_be() -> None:
    model = Model()

    async def body(queue: BatchQueue[str, str]) -> list[str]:
        return [answer.value for answer in await queue.submit("k", list("abcdefg"), soon())]

    assert run(model, Batching(max_batch=3), body) == list("ABCDEFG")
    assert [len(texts) for _, texts in model.batches] == [3, 3, 1]


def test_a_full_queue_refuses_at_once_and_all_of_a_request() -> None:
    model = Model(held=True)

    async def body(queue: BatchQueue[str, str]) -> None:
        first = asyncio.create_task(queue.submit("k", ["being decoded"], soon()))
        await until(lambda: bool(model.batches))
        waiting = asyncio.create_task(queue.submit("k", ["a", "b"], soon()))
        await until(lambda: queue.waiting == 2)
        with pytest.raises(Full) as refused:
            await queue.submit("k", ["c", "d"], soon())
        assert refused.value.retry_after > 0
        assert queue.waiting == 2
        model.go.set()
        await asyncio.gather(first, waiting)

    run(model, Batching(max_queue=3, max_batch=1), body)


def test_what_is_late_is_given_up_at_its_deadline_and_never_decoded() -> None:
    model = Model(held=True)

    async def body(queue: BatchQueue[str, str]) -> None:
        first = asyncio.create_task(queue.submit("k", ["first"], soon()))
        await until(lambda: bool(model.batches))
        with pytest.raises(Late):
            await queue.submit("k", ["late"], soon(0.02))
        assert queue.waiting == 0
        model.go.set()
        await first

    run(model, Batching(), body)
    assert model.batches == [("k", ["first"])]


def test_what_nobody_waits_for_is_not_decoded() -> None:
    model = Model(held=True)

    async def body(queue: BatchQueue[str, str]) -> None:
        first = asyncio.create_task(queue.submit("k", ["first"], soon()))
        await until(lambda: bool(model.batches))
        gone, stays = (asyncio.create_task(queue.submit("k", [text], soon())) for text in ("gone", "stays"))
        await until(lambda: queue.waiting == 2)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert queue.waiting == 1
        model.go.set()
        await asyncio.gather(first, stays)

    run(model, Batching(), body)
    assert model.batches == [("k", ["first"]), ("k", ["stays"])]


def test_one_that_cannot_be_answered_does_not_cost_the_others_theirs() -> None:
    model = Model()

    async def body(queue: BatchQueue[str, str]) -> list[Any]:
        asked = [queue.submit("k", [text], soon()) for text in ("a", "bad", "c")]
        return await asyncio.gather(*asked, return_exceptions=True)

    good, bad, other = run(model, Batching(max_wait_ms=200), body)
    assert (good[0].value, other[0].value) == ("A", "C")
    assert isinstance(bad, ValueError)


def test_a_stopped_queue_answers_what_waits_and_takes_no_more() -> None:
    model = Model(held=True)

    async def main() -> None:
        queue: BatchQueue[str, str] = BatchQueue(model, Batching(max_batch=1), NoWatcher())
        queue.start()
        asked = [asyncio.create_task(queue.submit("k", [text], soon())) for text in "abc"]
        await until(lambda: queue.waiting == 2)
        stopping = asyncio.create_task(queue.stop())
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await queue.submit("k", ["d"], soon())
        model.go.set()
        await stopping
        assert [(await one)[0].value for one in asked] == ["A", "B", "C"]

    asyncio.run(main())


def test_a_request_that_could_not_be_answered_in_time_is_refused_at_the_door() -> None:
    model = Model()

    async def body(queue: BatchQueue[str, str]) -> None:
        queue._pace = 1.0  # a second a query, as measured
        with pytest.raises(Full) as refused:
            await queue.submit("k", list("abc"), soon(2))
        assert refused.value.retry_after >= 3

    run(model, Batching(), body)
    assert model.batches == []
