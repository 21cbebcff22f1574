"""Wrong arguments of a search are one GenretError that names them; one bad query of many does not lose the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genret import GenretError, Retriever
from genret.cli import main
from genret.pipeline.arguments import MAX_QUERY
from genret.search.beam import BeamSettings

HOSTILE = ["milk \ud800", "a" * 200_000, "\u202emilk", "\0milk", "cafe\u0301", "\U0001f95b"]
"""As in the cases: half a character, 200,000 letters, a direction mark, NUL, a combining character, an emoji."""


WRONG: list[tuple[str, Any]] = [
    *(("k", value) for value in ("3", None, 0, -1, 2.0, True, [3], float("nan"), np.float32(3))),
    *(("beam_width", value) for value in ("3", 0, -1, 50.0, True, [3])),
    *(("max_per_prefix", value) for value in ("3", 0, 1.5, False)),
    *(("exact", value) for value in ("yes", 1, None)),
    *(("rescore", value) for value in ("yes", -0.1, float("nan"), float("inf"), None, [1])),
    *(("where", value) for value in (5, b"price < 5", ["price < 5"], {"price": 5}, "price <", "\ud800 = 3")),
    ("errors", "ignore"),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=lambda value: repr(value)[:20])
def test_a_wrong_argument_is_named(retriever: Retriever, name: str, value: Any) -> None:
    with pytest.raises(GenretError, match=name):
        retriever.search("oat milk", **{name: value})


@pytest.mark.parametrize("queries", [None, 5, b"milk", {"milk": 1}, {"milk"}, [None], ["milk", 5], ["milk", "  "], ""])
def test_what_is_no_query_is_said(retriever: Retriever, queries: Any) -> None:
    for search in (retriever.search, retriever.decoder):
        with pytest.raises(GenretError, match="quer"):
            search(queries)


def test_numpys_numbers_are_fine_and_its_false_is_false(retriever: Retriever) -> None:
    plain = retriever.search("oat milk", 5, beam_width=20)
    search: Callable[..., Any] = retriever.search  # for types that are as good as the declared ones
    assert search("oat milk", np.int64(5), beam_width=np.int32(20), exact=np.False_) == plain
    assert search("oat milk", 5, beam_width=20, rescore=np.False_) == plain
    rescored = retriever.search("oat milk", 5, beam_width=20, rescore=True)
    assert search("oat milk", 5, beam_width=20, rescore=np.True_) == rescored != plain
    assert search(np.array(["oat milk"]), 5, beam_width=20) == [plain]
    assert BeamSettings(np.int64(3), np.int64(5)).k == 3  # type: ignore[arg-type]


def test_a_filter_on_a_value_that_no_product_has_names_the_nearest(retriever: Retriever) -> None:
    brand = next(product.brand for product in retriever.index.products(range(600)) if len(product.brand) > 6)
    for _ in range(2):  # what was looked up is remembered, what is wrong is not
        assert retriever.search("milk", 3, where=f'brand = "{brand}" and price > 0').hits
        with pytest.raises(GenretError, match=f'column 1: no product has brand.*"{brand}"'):
            retriever.search("milk", 3, where=f'brand = "{brand}x"')
        assert retriever.search("milk", 3, where=f'brand = "{brand.upper()}" nocase').hits
    assert not retriever.search("milk", 3, where="price > 1e9").hits


def test_k_and_the_beam_go_no_further_than_the_catalogue(retriever: Retriever) -> None:
    found = retriever.search("oat milk", 10**6)
    assert len({hit.product.id for hit in found.hits}) == len(found.hits) == 600
    assert retriever.search("oat milk", 5, beam_width=10**12).exact


@pytest.mark.parametrize("query", HOSTILE, ids=ascii)
def test_a_hostile_query_has_an_answer_or_one_clear_line(retriever: Retriever, query: str) -> None:
    if len(query) <= MAX_QUERY and "\ud800" not in query:
        assert len(retriever.search(query, 3).hits) == 3
        return
    with pytest.raises(GenretError) as caught:
        retriever.search(query, 3)
    assert len(str(caught.value)) < 200


def test_one_bad_query_of_many_does_not_lose_the_others(retriever: Retriever) -> None:
    queries = ["oat milk", *HOSTILE, "", "rye bread"]
    found = retriever.search(queries, 3, errors="return")
    assert [result.error is None for result in found] == [True, False, False, True, True, True, True, False, True]
    good = [query for query, result in zip(queries, found, strict=True) if result.error is None]
    assert [result for result in found if result.error is None] == retriever.search(good, 3)
    assert all(not result.hits and not result.exact for result in found if result.error is not None)
    assert found[2].error is not None
    assert "query 3 of 9" in found[2].error
    single = retriever.search("", errors="return")
    assert single.error == "query is empty; give at least one word"
    with pytest.raises(GenretError, match="query 2 of 9"):
        retriever.search(queries, 3)


def test_the_command_line_answers_the_good_queries_and_fails(
    built_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["search", "oat milk", "x" * 20_000, "rye bread", "--json", "-k", "2", "--run", str(built_run)])
    out, err = capfd.readouterr()
    answers = [json.loads(line) for line in out.splitlines()]
    assert exit_.value.code == 2
    assert [len(answer["hits"]) for answer in answers] == [2, 0, 2]
    assert "20,000 characters" in answers[1]["error"]
    assert "1 of 3 queries could not be searched" in err.splitlines()[-1]
