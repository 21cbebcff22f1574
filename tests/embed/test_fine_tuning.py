"""The two-tower: a loss checked by hand, training that learns, and a cut-off run that ends where a whole one does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from genret import two_tower
from genret.data.records import Catalogue, Dataset
from genret.embed.catalogue import fit_embedder, load_embedder, load_embeddings
from genret.embed.fine_tuning import (
    Pair,
    TwoTowerRecipe,
    TwoTowerSettings,
    in_batch_loss,
    train_two_tower,
    training_pairs,
)
from genret.embed.settings import EmbedSettings
from genret.eval.measures import evaluate
from genret.eval.systems.bench import Bench
from genret.eval.systems.encoders import two_tower_system
from genret.ground.errors import GenretError
from genret.ground.hardware import Precision
from genret.ground.types import Judgement, Product, Query
from genret.pipeline.retriever import Retriever
from genret.pipeline.stages import data_stage, embed_stage, index_stage, tokenize_stage, train_stage
from genret.tokenizer.settings import TokenizerSettings
from genret.training.settings import ModelSettings, TrainSettings

WORDS = ["soda", "pop", "milk", "bread", "rye", "cola", "oat", "cheese", "basil", "jam", "tea", "rice"]


@pytest.fixture(scope="module")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sentence-transformers folder of one small layer, its weights drawn from a seed."""
    pytest.importorskip("sentence_transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder / "bert")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
    )
    BertModel(config).save_pretrained(folder / "bert")
    return str(folder / "bert")  # a plain transformers folder, which sentence-transformers reads with mean pooling


def pairs() -> list[Pair]:
    """Queries and products share no word: nothing that an untrained encoder could know."""
    half = len(WORDS) // 2
    return [Pair(f"q{i}", f"p{i}", WORDS[i], WORDS[half + i]) for i in range(half)]


def settings(base: str, **changes: Any) -> TwoTowerSettings:
    return replace(
        TwoTowerSettings(base, epochs=40, batch_size=6, learning_rate=5e-3, max_tokens=8, checkpoint_every=10),
        **changes,
    )


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_loss_by_hand() -> None:
    queries = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    known = torch.eye(2, dtype=torch.bool)
    loss = in_batch_loss(queries, queries, known, torch.ones(2), temperature=1.0)
    assert float(loss) == pytest.approx(-torch.tensor([1.0, 0.0]).log_softmax(0)[0].item(), abs=1e-6)


def test_known_answers_are_no_negatives() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), dim=-1)
    everything = torch.ones(3, 3, dtype=torch.bool)
    assert float(in_batch_loss(vectors, vectors.flip(0), everything, torch.ones(3), 0.05)) == pytest.approx(0.0)


def test_weights_scale_each_pairs_share() -> None:
    generator = torch.Generator().manual_seed(1)
    a, b = (torch.nn.functional.normalize(torch.randn(3, 4, generator=generator), dim=-1) for _ in range(2))
    known = torch.eye(3, dtype=torch.bool)
    each = [float(in_batch_loss(a, b, known, torch.eye(3)[i], 0.5)) for i in range(3)]
    mixed = float(in_batch_loss(a, b, known, torch.tensor([1.0, 2.0, 1.0]), 0.5))
    assert mixed == pytest.approx((each[0] + 2 * each[1] + each[2]) / 4, rel=1e-5)


def test_training_learns_what_the_pairs_say(tiny_encoder: str, tmp_path: Path) -> None:
    out = train_two_tower(pairs(), settings(tiny_encoder), tmp_path / "tower", progress=False)

    def hits(model: str) -> int:
        embedder = fit_embedder(Dataset("x", Catalogue.from_products([Product("x", "x")])), EmbedSettings(model=model))
        found = embedder.encode([pair.query for pair in pairs()]) @ embedder.encode([pair.text for pair in pairs()]).T
        return int((found.argmax(axis=1) == range(len(pairs()))).sum())

    assert hits(tiny_encoder) <= 3
    assert hits(str(out)) == len(pairs())


def test_a_run_cut_off_ends_where_a_whole_one_does(
    tiny_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_two_tower(pairs(), settings(tiny_encoder), tmp_path / "whole", progress=False)
    step = two_tower._Trainer.step

    def cut(self: Any, number: int) -> Any:
        if number == 27:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(two_tower._Trainer, "step", cut)
        with pytest.raises(KeyboardInterrupt):
            train_two_tower(pairs(), settings(tiny_encoder), tmp_path / "cut", progress=False)
    assert (tmp_path / "cut.checkpoint" / "progress.json").exists()
    again = train_two_tower(pairs(), settings(tiny_encoder), tmp_path / "cut", progress=False)
    assert digest(again) == digest(whole)
    assert not (tmp_path / "cut.checkpoint").exists()


def test_a_finished_one_is_left_alone_and_other_settings_train_anew(tiny_encoder: str, tmp_path: Path) -> None:
    quick = settings(tiny_encoder, epochs=2)
    first = digest(train_two_tower(pairs(), quick, tmp_path / "t", progress=False))
    written = (tmp_path / "t" / "model.safetensors").stat().st_mtime_ns
    train_two_tower(pairs(), quick, tmp_path / "t", progress=False)
    assert (tmp_path / "t" / "model.safetensors").stat().st_mtime_ns == written
    assert digest(train_two_tower(pairs(), replace(quick, seed=1), tmp_path / "t", progress=False)) != first


def test_as_a_system_it_finds_what_it_was_taught(tiny_encoder: str, tmp_path: Path) -> None:
    products = [Product(pair.product_id, pair.text) for pair in pairs()]
    queries = [Query(pair.query_id, pair.query) for pair in pairs()]
    judgements = [Judgement(pair.query_id, pair.product_id, 1.0) for pair in pairs()]
    data = Dataset("synonyms", Catalogue.from_products(products), {"train": queries, "test": queries}, judgements)
    tower = two_tower_system("two-tower", TwoTowerRecipe(settings(tiny_encoder)), tmp_path)
    answer = Bench(data, queries, systems={"two-tower": tower}).answer("two-tower")
    assert evaluate(answer.run, judgements).means["MRR@10"] == 1.0
    assert answer.settings["pairs"] == len(pairs())


def test_pairs_take_relevant_judgements_and_weigh_them() -> None:
    judgements = [
        Judgement("q", "a", 3.0),
        Judgement("q", "b", 2.0),
        Judgement("q", "c", 1.0),
        Judgement("z", "a", 3.0),
    ]
    found = training_pairs(judgements, {"q": "soda"}, {"a": "A", "b": "B", "c": "C"}, 2.0, 1.0)
    assert found == [Pair("q", "a", "soda", "A", 1.0), Pair("q", "b", "soda", "B", 0.5)]


def test_too_few_pairs(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="at least 2 products"):
        train_two_tower(pairs()[:1], TwoTowerSettings(), tmp_path / "t")


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"temperature": 0.0}, {"warmup": 1.0}, {"learning_rate": 0.0}])
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(GenretError, match="two-tower"):
        TwoTowerSettings(**bad)


@pytest.mark.parametrize(("precision", "rounding"), [("fp32", 1e-5), ("bf16", 2e-2)])
def test_a_run_is_built_on_its_own_encoder_and_bag(
    precision: Precision, rounding: float, tiny_encoder: str, tmp_path: Path
) -> None:
    """Fine-tuned, quantised, spelled: before any training of the decoder, a search finds what the pairs taught."""
    products = [Product(pair.product_id, pair.text) for pair in pairs()]
    queries = [Query(pair.query_id, pair.query) for pair in pairs()]
    judgements = [Judgement(pair.query_id, pair.product_id, 1.0) for pair in pairs()]
    data = Dataset("synonyms", Catalogue.from_products(products), {"train": queries, "test": queries}, judgements)
    data_stage(tmp_path, lambda: data, {"name": "synonyms"})
    recipe = TwoTowerRecipe(settings(tiny_encoder), bag_share=0.5, bag_dim=8, bag_steps=30)
    embed_stage(
        tmp_path, EmbedSettings(model="two-tower", fields=("title",), precision=precision), recipe, progress=False
    )
    embedder, (vectors, _) = load_embedder(tmp_path / "embeddings"), load_embeddings(tmp_path / "embeddings")
    encoded = embedder.encode([query.text for query in queries])
    assert vectors.shape == (len(products), 32 + 8)
    np.testing.assert_allclose(np.linalg.norm(encoded, axis=1), 1, atol=1e-5)
    parts = [encoded[:, a:b] @ vectors[:, a:b].T for a, b in ((0, 32), (32, 40))]
    np.testing.assert_allclose(np.abs(parts).max(axis=(1, 2)) <= 0.5 + 1e-5, True)  # each half of the cosine
    tokenize_stage(tmp_path, TokenizerSettings(codebook_sizes=(4, 4), steps=20, batch_size=4, lam=0.0), progress=False)
    model = ModelSettings(encoder="embeddings", d_model=16, heads=2, ffn=16, max_text_tokens=8, beam_width=7)
    train_stage(tmp_path, model, TrainSettings(max_steps=0))
    index_stage(tmp_path)
    retriever = Retriever.load(tmp_path)
    assert retriever.beam_width == 7
    tokens = [retriever._text_tokens([query.text])[0] for query in queries]
    with torch.inference_mode():
        own = np.concatenate([retriever.model.encoder(row).pooler_output.numpy() for row in tokens])
    np.testing.assert_allclose(own, encoded, atol=rounding)  # the model embeds a query as the embedder does
    found = retriever.search([query.text for query in queries], k=1)
    assert [result.hits[0].product.id for result in found] == [pair.product_id for pair in pairs()]
