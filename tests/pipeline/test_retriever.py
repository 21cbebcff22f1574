"""The one core, on a run that the real stages built: search, filters, exactness, buckets, lineage, determinism."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_run import SMALL

from genret import GenretError, Retriever, SearchResult
from genret.data import load_dataset
from genret.ground.artifacts import read_artifact
from genret.pipeline.stock import put_products, remove_products
from genret.search.beam import BeamSettings
from genret.search.exact import brute_force
from genret.search.on_device import DeviceTrie
from genret.search.trie import Trie
from genret.tokenizer import load_tokenizer

QUERIES = ["marinara sauce", "oat milk", "gluten free pasta", "paper towels"]


def test_a_string_gives_one_result_and_a_list_a_list(retriever: Retriever) -> None:
    one = retriever.search("oat milk", k=3)
    many = retriever.search(["oat milk"], k=3)
    assert isinstance(one, SearchResult)
    assert many == [one]


def test_hits_are_products_of_the_catalogue_ranked_from_1(retriever: Retriever, built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    _, codes, _ = load_tokenizer(built_run / "tokenizer")
    for result in retriever.search(QUERIES, k=10):
        assert [hit.rank for hit in result.hits] == list(range(1, 11))
        assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
        assert len({hit.product.id for hit in result.hits}) == 10
        for hit in result.hits:
            row = dataset.catalogue.row(hit.product.id)
            assert hit.product == dataset.catalogue[row]
            assert hit.semantic_id == tuple(codes[row])
            assert hit.score <= 0


def test_exact_search_is_brute_force(retriever: Retriever) -> None:
    found = retriever.search(QUERIES, k=10, exact=True, spell=False)
    assert all(result.exact for result in found)
    truth = brute_force(retriever.decoder(QUERIES), retriever.index.trie, BeamSettings(k=10))
    for row, result in enumerate(found):
        np.testing.assert_allclose([hit.score for hit in result.hits], truth.scores[row], atol=1e-4)


def test_every_product_can_be_found_collisions_included(retriever: Retriever, built_run: Path) -> None:
    """A beam as wide as the catalogue returns every product once, those that share an ID among them."""
    size = retriever.index.trie.num_products
    result = retriever.search("milk", k=size, beam_width=size)
    dataset, _ = load_dataset(built_run / "data")
    assert sorted(hit.product.id for hit in result.hits) == sorted(dataset.catalogue.ids)
    assert retriever.index.trie.num_ids < size, "this catalogue should have collisions"
    shared = [hit for hit in result.hits if sum(h.semantic_id == hit.semantic_id for h in result.hits) > 1]
    bucket = [hit for hit in shared if hit.semantic_id == shared[0].semantic_id]
    keys = [(-hit.product.popularity, hit.product.id) for hit in bucket]
    assert keys == sorted(keys)


def test_a_filter_is_obeyed_and_still_fills_the_list(retriever: Retriever) -> None:
    where = "price < 4 and available"
    result = retriever.search("oat milk", k=20, where=where)
    assert len(result.hits) == 20
    assert all(hit.product.price is not None and hit.product.price < 4 for hit in result.hits)
    assert all(hit.product.available for hit in result.hits)


def test_a_filter_that_allows_nothing_gives_an_empty_list(retriever: Retriever) -> None:
    assert retriever.search("oat milk", where="price < 0").hits == ()


def test_rescoring_orders_the_same_products_by_cosine_and_is_never_exact(retriever: Retriever) -> None:
    plain = retriever.search("oat milk", k=50, beam_width=50)
    rescored = retriever.search("oat milk", k=50, beam_width=50, rescore=True)
    assert {h.product.id for h in plain.hits} == {h.product.id for h in rescored.hits}
    scores = [hit.score for hit in rescored.hits]
    assert scores == sorted(scores, reverse=True)
    assert all(-1.001 <= score <= 1.001 for score in scores)
    assert not rescored.exact


def test_a_number_rescores_by_cosine_and_that_share_of_the_log_probability(retriever: Retriever) -> None:
    plain = retriever.search("oat milk", k=50, beam_width=50)
    cosine = retriever.search("oat milk", k=50, beam_width=50, rescore=True)
    mixed = retriever.search("oat milk", k=50, beam_width=50, rescore=0.5)
    likelihood = {hit.product.id: hit.score for hit in plain.hits}
    wanted = {hit.product.id: hit.score + 0.5 * likelihood[hit.product.id] for hit in cosine.hits}
    assert [hit.product.id for hit in mixed.hits] == sorted(wanted, key=wanted.__getitem__, reverse=True)
    assert not mixed.exact
    with pytest.raises(GenretError, match="0 or more"):
        retriever.search("oat milk", rescore=-1.0)


def test_at_most_m_hits_share_a_coarse_prefix(retriever: Retriever) -> None:
    result = retriever.search("milk", k=10, max_per_prefix=2)
    prefixes = [hit.semantic_id[:2] for hit in result.hits]
    assert len(prefixes) == 10
    assert max(prefixes.count(prefix) for prefix in prefixes) <= 2


def test_many_queries_give_what_each_alone_gives(retriever: Retriever) -> None:
    together = retriever.search(QUERIES, k=5)
    for query, result in zip(QUERIES, together, strict=True):
        alone = retriever.search(query, k=5)
        assert [hit.product.id for hit in alone.hits] == [hit.product.id for hit in result.hits]
        np.testing.assert_allclose([h.score for h in alone.hits], [h.score for h in result.hits], atol=1e-4)


def test_a_fresh_process_gives_the_same_bytes(built_run: Path) -> None:
    command = [sys.executable, "-m", "genret", "search", "--json", "--run", str(built_run), *QUERIES]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in range(2))
    assert first == second
    assert first.count(b"\n") == len(QUERIES)


def test_the_saved_model_generates_with_transformers(built_run: Path) -> None:
    """`AutoModelForSeq2SeqLM` loads the folder, and beam search spells one code a level."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    import genret.model  # noqa: F401  (registers the architecture)

    folder = built_run / "model" / "model"
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        tokens = model.generate(**tokenizer(["oat milk"], return_tensors="pt"), num_beams=5, num_return_sequences=5)
    codes = model.vocab.decode(tokens[:, 1 : 1 + model.vocab.levels].numpy())
    assert codes.shape == (5, 4)
    assert (codes >= 0).all()


def test_empty_queries_are_an_error(retriever: Retriever) -> None:
    with pytest.raises(GenretError, match="query 2 of 2 is empty"):
        retriever.search(["milk", "  "])
    assert retriever.search([]) == []


def test_a_model_and_an_index_of_other_codebooks_are_refused(retriever: Retriever, run_copy: Path) -> None:
    from genret.pipeline.stages import index_stage, tokenize_stage
    from genret.tokenizer.settings import TokenizerSettings

    tokenize_stage(run_copy, TokenizerSettings(codebook_sizes=(8, 8, 8), steps=20), progress=False)
    index_stage(run_copy)
    with pytest.raises(GenretError, match="different tokenizers"):
        Retriever.load(run_copy)


def test_stages_are_reused_until_a_setting_changes(run_copy: Path) -> None:

    from genret.pipeline.stages import index_stage, tokenize_stage
    from genret.tokenizer.settings import TokenizerSettings

    same = TokenizerSettings(**SMALL["tokenizer"])
    before = read_artifact(run_copy / "tokenizer", "tokenizer").fingerprint
    assert tokenize_stage(run_copy, same, progress=False).reused
    assert index_stage(run_copy).reused
    changed = TokenizerSettings(**{**SMALL["tokenizer"], "seed": 1})
    result = tokenize_stage(run_copy, changed, progress=False)
    assert not result.reused
    assert result.artifact.fingerprint != before
    assert not index_stage(run_copy).reused


def test_the_same_seed_makes_the_same_tokenizer_and_model_byte_for_byte(run_copy: Path) -> None:

    from genret.pipeline.stages import tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    before = {name: read_artifact(run_copy / name, name).fingerprint for name in ("tokenizer", "model")}
    for name in before:
        shutil.rmtree(run_copy / name)
    tokenize_stage(run_copy, TokenizerSettings(**SMALL["tokenizer"]), progress=False)
    train_stage(run_copy, ModelSettings(**SMALL["model"]), TrainSettings(**SMALL["train"]))
    assert {name: read_artifact(run_copy / name, name).fingerprint for name in before} == before


@pytest.mark.parametrize(
    "change", [{"collisions": "suffix"}, {"supervision": "both"}, {"objective": "rkmeans"}], ids=str
)
def test_another_tokenizer_goes_all_the_way(change: dict[str, str], run_copy: Path) -> None:
    from genret.pipeline.stages import index_stage, tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    settings = TokenizerSettings(**{**SMALL["tokenizer"], "steps": 30, **change})
    tokenize_stage(run_copy, settings, progress=False)
    train_stage(run_copy, ModelSettings(**SMALL["model"]), TrainSettings(max_steps=10, batch_size=32))
    index_stage(run_copy)
    retriever = Retriever.load(run_copy)
    assert len(retriever.search("oat milk", k=5).hits) == 5
    if change.get("collisions") == "suffix":
        assert retriever.index.trie.num_ids == retriever.index.trie.num_products


def test_a_search_with_everything_on_the_models_device_answers_alike(
    built_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: here the device is the CPU."""
    retriever, texts = Retriever.load(built_run), ["milk", "marinara sauce", "soda"]
    conditions = [None, "available", "price < 0"]
    expected = [retriever.search(texts, k=5, where=where, exact=True) for where in conditions]
    calls = []

    def on_device(self: Retriever, trie: Trie) -> DeviceTrie:
        calls.append(trie)
        return DeviceTrie(trie, "cpu")

    monkeypatch.setattr(Retriever, "_tensors", on_device)
    monkeypatch.setattr(Retriever, "_first_pass", lambda *_: None)  # which is the CPU's
    for where, before in zip(conditions, expected, strict=True):
        found = retriever.search(texts, k=5, where=where, exact=True)
        assert [[hit.product.id for hit in result] for result in found] == [[h.product.id for h in r] for r in before]
        assert [result.exact for result in found] == [result.exact for result in before]
    assert len(calls) == 3


HEAVY = (
    "transformers", "accelerate", "sympy", "torch._dynamo", "pandas", "pyarrow.dataset", "scipy", "sklearn", "bm25s",
    "genret.model.seq2seq", "genret.training.trainer", "genret.embed.catalogue", "genret.data.files",
)  # fmt: skip
"""What takes long to import, and a plain search of a model trained from scratch does without."""


def test_a_search_from_the_command_line_imports_nothing_that_it_does_without(built_run: Path) -> None:
    program = f"""
import sys
from genret.cli import main
try:
    main(["search", "oat milk", "--run", {str(built_run)!r}, "--json", "--no-hybrid"])
except SystemExit as end:
    assert end.code == 0, end.code
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert '"hits"' in done.stdout
    assert done.stderr.splitlines()[-1] == "[]"


@pytest.mark.parametrize("options", [{}, {"where": "price < 5"}, {"exact": True}, {"beam_width": 12}])
def test_a_query_alone_finds_what_it_finds_among_others(retriever: Retriever, options: dict[str, Any]) -> None:
    """One query alone goes another way through the model and the beam (`genret.search.single`)."""
    for query, among in zip(QUERIES, retriever.search(QUERIES, **options), strict=True):
        alone = retriever.search(query, **options)
        assert [hit.product.id for hit in alone] == [hit.product.id for hit in among]
        np.testing.assert_allclose([hit.score for hit in alone], [hit.score for hit in among], atol=1e-4, rtol=0)
        assert alone.exact == among.exact


def test_a_query_alone_finds_what_came_and_not_what_went(run_copy: Path) -> None:
    products = list(load_dataset(run_copy / "data")[0].catalogue)
    gone = [hit.product.id for hit in Retriever.load(run_copy).search(QUERIES[0], k=3)]
    remove_products(run_copy, gone)
    put_products(run_copy, [product._replace(id=f"new {product.id}") for product in products[:20]])
    retriever = Retriever.load(run_copy)
    for query in [*QUERIES, products[0].title]:
        alone, among = retriever.search(query), retriever.search([query, QUERIES[1]])[0]
        assert [hit.product.id for hit in alone] == [hit.product.id for hit in among]
        assert not {hit.product.id for hit in alone} & set(gone)
    assert f"new {products[0].id}" in {hit.product.id for hit in retriever.search(products[0].title)}
