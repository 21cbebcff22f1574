"""Training: what a batch asks for, what the seed fixes, resuming, withholding, and what is saved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from genret.data.records import Catalogue, Dataset
from genret.embed.bag import bag_of_vectors
from genret.embed.subwords import load_text_tokenizer, tokenize, train_text_tokenizer
from genret.ground.artifacts import read_artifact, write_artifact
from genret.ground.errors import GenretError
from genret.ground.types import Judgement, Product, Query
from genret.model.dense_start import additive_codebooks, centred_codebooks
from genret.search.vocab import Vocab
from genret.training import trainer
from genret.training.checkpoints import SEAL, last_whole
from genret.training.examples import Collator, Examples, Schedule, Visit, join
from genret.training.saved import load_model
from genret.training.teacher import Neighbours
from genret.training.trainer import (
    Corpus,
    ModelSettings,
    OwnTeacher,
    Trained,
    TrainSettings,
    log_examples,
    make_examples,
    save_model,
    train_model,
)

KINDS = ("cola", "sauce", "bread", "apple", "towel", "rice")
BRANDS = ("acme", "nonna", "zest", "fair")
SIZES = (6, 4)
MODEL = ModelSettings(d_model=16, heads=2, ffn=16, text_vocab=80, max_text_tokens=8)
TRAIN = TrainSettings(max_steps=8, batch_size=16, save_every=4, log_every=4, pseudo_per_product=2)


def shop() -> Dataset:
    """24 products, one of each brand and kind; a query "brand kind" for each, and one "kind" a kind."""
    pairs = [(kind, brand) for kind in KINDS for brand in BRANDS]
    catalogue = Catalogue.from_products(
        Product(f"{brand}-{kind}", f"{brand} {kind}", (kind,), brand) for kind, brand in pairs
    )
    queries = [Query(f"{kind}-{brand}", f"{brand} {kind}", frequency=4) for kind, brand in pairs]
    heads = [Query(kind, kind) for kind in KINDS]
    judgements = [Judgement(f"{kind}-{brand}", f"{brand}-{kind}", 2.0) for kind, brand in pairs]
    judgements += [Judgement(kind, f"{brand}-{kind}", 1.0 + (brand == "acme")) for kind, brand in pairs]
    judgements += [Judgement("cola", "acme-rice", 0.0)]
    return Dataset("shop", catalogue, {"train": [*queries, *heads], "dev": heads}, judgements)


CODES = np.asarray([(kind, brand) for kind in range(6) for brand in range(4)])
VECTORS = np.eye(10, dtype=np.float32)[CODES[:, 0]] + np.eye(10, dtype=np.float32)[6 + CODES[:, 1]]
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def train(out: Path, model: ModelSettings = MODEL, **changes: Any) -> Trained:
    options = {**TRAIN.__dict__, **changes}
    return train_model(Corpus(shop(), CODES, SIZES, VECTORS), model, TrainSettings(**options), out)


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.model.state_dict()


def same(a: Trained, b: Trained) -> bool:
    return all(torch.equal(value, weights(b)[name]) for name, value in weights(a).items())


def answer(trained: Trained, text: str) -> list[int]:
    tokens = trained.text_tokenizer([text], return_tensors="pt")
    ids = trained.model.generate(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
    return trained.model.vocab.decode(ids[:, 1:].numpy())[0].tolist()


# --- what a batch asks for ---

right_lists = st.lists(
    st.lists(st.tuples(st.integers(0, 7), st.floats(0.125, 5.0, width=32)), min_size=1, max_size=6),
    min_size=1,
    max_size=5,
)


def examples_of(lists: list[list[tuple[int, float]]]) -> Examples:
    flat = [pair for right in lists for pair in right]
    starts = np.cumsum([0, *map(len, lists)])
    rows, mass = (np.asarray(column) for column in zip(*flat, strict=True))
    tokens, lengths = np.ones((len(lists), 3), np.int32), np.arange(len(lists)) % 3 + 1
    return Examples(tokens, lengths, Neighbours(starts, rows, mass.astype(np.float32)), np.ones(len(lists), np.float32))


@given(right_lists, st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_targets_are_the_exact_marginals_given_the_paths_prefix(lists, seed):
    rng = np.random.default_rng(seed)
    sizes = (3, 2, 4)
    codes = np.stack([rng.integers(0, size, 8) for size in sizes], 1)
    examples, vocab = examples_of(lists), Vocab(sizes)
    visits = [
        Visit(i, int(rng.integers(examples.right.starts[i], examples.right.starts[i + 1]))) for i in range(len(lists))
    ]
    batch = Collator(examples, codes, vocab)(visits)
    for visit, target, label in zip(visits, batch["targets"].numpy(), batch["labels"].numpy(), strict=True):
        path = codes[examples.right.rows[visit.path]]
        assert label.tolist() == vocab.encode(path).tolist()
        for level, size in enumerate(sizes):
            expected = np.zeros(size)
            for row, mass in lists[visit.example]:
                if (codes[row, :level] == path[:level]).all():
                    expected[codes[row, level]] += mass
            np.testing.assert_allclose(target[vocab.level_slice(level)], expected / expected.sum(), rtol=1e-4)


def test_a_batch_is_as_wide_as_its_longest_text():
    examples = examples_of([[(0, 1.0)], [(1, 1.0)], [(2, 1.0)]])
    batch = Collator(examples, CODES, Vocab(SIZES))([Visit(0, 0), Visit(1, 1)])
    assert batch["input_ids"].shape == (2, 2)
    assert batch["attention_mask"].tolist() == [[1, 0], [1, 1]]


def test_joined_examples_keep_their_right_products():
    one, two = examples_of([[(0, 1.0), (1, 2.0)], [(2, 1.0)]]), examples_of([[(5, 1.0)], [(6, 3.0), (7, 1.0)]])
    both = join([one, two])
    lists = [both.right.rows[a:b].tolist() for a, b in zip(both.right.starts[:-1], both.right.starts[1:], strict=True)]
    assert lists == [[0, 1], [2], [5], [6, 7]]


def test_schedule_visits_in_proportion_and_paths_by_weight():
    examples = examples_of([[(0, 1.0), (1, 3.0)], [(2, 1.0)], [(3, 1.0)]])
    schedule = Schedule(examples, np.asarray([2.0, 1.0, 0.0], np.float32), 3000, 10, seed=1)
    assert np.bincount(schedule.examples, minlength=3).tolist() == [2000, 1000, 0]
    paths = np.bincount(schedule.paths, minlength=4)
    assert abs(paths[1] / 2000 - 0.75) < 0.05
    assert (schedule.paths[schedule.examples == 1] == 2).all()


def test_schedule_depends_on_the_seed_alone_and_batches_like_lengths():
    examples = examples_of([[(0, 1.0)]] * 300)
    first, again, other = (Schedule(examples, examples.share, 300, 10, seed) for seed in (1, 1, 2))
    assert [first[i] for i in range(300)] == [again[i] for i in range(300)]
    assert first.examples.tolist() != other.examples.tolist()
    assert sorted(first.examples.tolist()) == list(range(300))
    widths = examples.lengths[first.examples].reshape(30, 10)
    assert (widths == widths[:, :1]).all()


def test_log_examples_weigh_products_by_grade_and_queries_by_frequency():
    dataset = shop()
    text_tokenizer = train_text_tokenizer(["cola acme"], 60, 8)
    examples = log_examples(dataset, "train", text_tokenizer, MODEL, TRAIN)
    assert len(examples) == 30
    assert examples.share.tolist() == [2.0] * 24 + [1.0] * 6
    head = slice(int(examples.right.starts[24]), int(examples.right.starts[25]))  # "cola"; acme-rice is graded 0
    assert examples.right.rows[head].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(examples.right.weights[head], [0.4, 0.2, 0.2, 0.2])


def test_withheld_products_are_in_no_example():
    dataset = shop()
    withheld = ("acme-cola", "fair-rice")
    text_tokenizer = train_text_tokenizer(["cola acme"], 60, 8)
    options = TrainSettings(**{**TRAIN.__dict__, "withhold": withheld})
    rows = {dataset.catalogue.row(product) for product in withheld}
    assert not rows & set(make_examples(dataset, text_tokenizer, MODEL, options).right.rows.tolist())
    assert rows < set(make_examples(dataset, text_tokenizer, MODEL, TRAIN).right.rows.tolist())


def test_own_share_moves_a_target_to_what_the_start_finds_nearest(tmp_path):
    """Of all kinds and brands, the nearest to a query's embedding take their part; withheld products take none."""
    dataset, options = shop(), TrainSettings(**{**TRAIN.__dict__, "own_share": 0.75, "own_products": 3})
    trained = train(tmp_path, max_steps=0)
    log = log_examples(dataset, "train", trained.text_tokenizer, MODEL, options)
    taught = np.arange(1, len(VECTORS))
    both = OwnTeacher(trained.model, VECTORS, options).beside(log, taught)
    tokens = torch.from_numpy(log.tokens.astype(np.int64))
    mask = torch.from_numpy((np.arange(tokens.shape[1]) < log.lengths[:, None]).astype(np.int64))
    with torch.inference_mode():
        cosines = (trained.model.encoder(tokens, mask).pooler_output @ torch.from_numpy(VECTORS).T).numpy()
    for text, row in enumerate(cosines):
        own = {}
        for place in range(both.right.starts[text], both.right.starts[text + 1]):
            product = int(both.right.rows[place])
            own[product] = own.get(product, 0.0) + float(both.right.weights[place])
        judged = range(log.right.starts[text], log.right.starts[text + 1])
        for place in judged:
            own[int(log.right.rows[place])] -= 0.25 * float(log.right.weights[place])
        found = {product for product, weight in own.items() if weight > 1e-6}
        assert sum(own.values()) == pytest.approx(0.75, abs=1e-5)
        assert len(found) == 3
        assert 0 not in found
        assert min(row[list(found)]) >= np.sort(row[1:])[-3] - 1e-6


def test_no_steps_leave_the_start_as_it_is(tmp_path):
    once, again = train(tmp_path / "a", max_steps=0), train(tmp_path / "b", max_steps=0)
    assert same(once, again)
    assert not same(once, train(tmp_path / "c", max_steps=1))


# --- the dense start ---


def test_additive_codebooks_rebuild_what_is_additive():
    rng = np.random.default_rng(0)
    books = [rng.normal(size=(size, 5)).astype(np.float32) for size in SIZES]
    vectors = books[0][CODES[:, 0]] + books[1][CODES[:, 1]]
    fitted = additive_codebooks(CODES, vectors, SIZES)
    np.testing.assert_allclose(fitted[0][CODES[:, 0]] + fitted[1][CODES[:, 1]], vectors, atol=1e-4)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_centred_start_sums_to_the_centroid_of_every_prefix(seed):
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, 40) for size in (3, 4, 5)], 1)
    vectors = rng.normal(size=(40, 6)).astype(np.float32)
    books, nodes = centred_codebooks(codes, vectors, (3, 4, 5))
    for row in codes[:5]:
        total = np.zeros(6, np.float32)
        for level, code in enumerate(row):
            prefixes = np.unique(codes[:, : level + 1], axis=0)
            total += books[level][code] + nodes[level][(prefixes == row[: level + 1]).all(1)][0]
            below = vectors[(codes[:, : level + 1] == row[: level + 1]).all(1)]
            np.testing.assert_allclose(total, below.mean(0), atol=1e-5)


def test_bag_of_vectors_finds_the_token_vectors_behind_sums():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(12, 4))
    tokens, lengths = rng.integers(0, 12, (300, 5)).astype(np.int32), rng.integers(1, 6, 300)
    vectors = np.stack([truth[row[:n]].sum(0) / n**0.5 for row, n in zip(tokens, lengths, strict=True)])
    np.testing.assert_allclose(bag_of_vectors(tokens, lengths, vectors, 12, ridge=1e-6), truth, atol=1e-3)


# --- the text tokenizer ---


def test_text_tokenizer_reads_units_alike_and_never_returns_nothing():
    tokenizer = train_text_tokenizer(["Sauce 16 oz jar", "café au lait 2.5 l"] * 3, 200, 8)
    assert tokenizer.tokenize("16oz SAUCE") == tokenizer.tokenize("16 oz sauce")
    assert tokenizer.tokenize("Cafe") == tokenizer.tokenize("café")
    tokens, lengths = tokenize(tokenizer, ["", "??", "sauce jar oz au lait 16 sauce sauce sauce"], 6)
    assert lengths.tolist() == [1, 1, 6]
    assert (tokens[:, 0] == tokenizer.cls_token_id).all()
    assert (tokens[0, 1:] == tokenizer.pad_token_id).all()


def test_text_tokenizer_is_the_same_for_the_same_texts():
    texts = [product.title for product in shop().catalogue]
    one, two = (train_text_tokenizer(texts, 70, 8).backend_tokenizer.to_str() for _ in range(2))
    assert one == two


def test_a_missing_checkpoint_is_one_clear_error():
    with pytest.raises(GenretError, match="cannot load the tokenizer of '/no/such/folder'"):
        load_text_tokenizer("/no/such/folder")


# --- training ---


def test_training_learns_the_shop(tmp_path):
    trained = train(tmp_path / "a", max_steps=150, lr=0.01, save_every=0)
    catalogue = shop().catalogue
    right = [answer(trained, product.title) == CODES[row].tolist() for row, product in enumerate(catalogue)]
    assert np.mean(right) > 0.9
    assert answer(trained, "rice")[0] == KINDS.index("rice")


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    first, again = train(tmp_path / "a"), train(tmp_path / "b")
    assert same(first, again)
    assert not same(first, train(tmp_path / "c", seed=1))


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path):
    whole = train(tmp_path)
    shutil.rmtree(tmp_path / "checkpoint-8")
    assert (tmp_path / "checkpoint-4").is_dir()
    assert same(train(tmp_path), whole)


@pytest.mark.parametrize("damage", ["no seal", "a file cut short", "a file gone", "a file changed", "empty"])
def test_a_checkpoint_that_is_not_whole_is_removed_and_the_one_before_taken(tmp_path, damage):
    whole = train(tmp_path)
    last = tmp_path / "checkpoint-8"
    assert last_whole(tmp_path) == last
    if damage == "no seal":
        (last / SEAL).unlink()
    elif damage == "a file cut short":
        (last / "optimizer.pt").write_bytes((last / "optimizer.pt").read_bytes()[:100])
    elif damage == "a file gone":
        (last / "trainer_state.json").unlink()
    elif damage == "a file changed":
        weights = bytearray((last / "model.safetensors").read_bytes())
        weights[-1] ^= 1
        (last / "model.safetensors").write_bytes(weights)
    else:
        shutil.rmtree(last)
        last.mkdir()
    assert last_whole(tmp_path) == tmp_path / "checkpoint-4"
    assert not last.exists()
    assert same(train(tmp_path), whole)


NO_STEP = 1e-12
"""A rate that changes no loss, so that no measurement improves on the first."""


def test_early_stopping_keeps_its_patience_across_an_interruption(tmp_path):
    """Cut off after any measurement, a training stops where the whole one did."""
    options = {"max_steps": 40, "lr": NO_STEP, "eval_every": 2, "patience": 3}
    whole = train(tmp_path / "whole", **options)
    steps = sorted(int(folder.name.split("-")[1]) for folder in (tmp_path / "whole").glob("checkpoint-*"))
    assert steps[-1] < 40
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut" / f"checkpoint-{steps[-1]}")
    again = train(tmp_path / "cut", **options)
    ended = sorted(int(folder.name.split("-")[1]) for folder in (tmp_path / "cut").glob("checkpoint-*"))
    assert ended == steps
    assert same(again, whole)


def test_early_stopping_cut_off_between_the_last_two_measurements(tmp_path, monkeypatch):
    """Killed there, with its patience almost used up, a training stops where the whole one did."""
    options = {"max_steps": 40, "lr": NO_STEP, "eval_every": 2, "patience": 3}
    whole = train(tmp_path / "whole", **options)
    end = last_whole(tmp_path / "whole")
    assert end is not None
    at, step = int(end.name.split("-")[1]), trainer._LevelTrainer.training_step
    seen = []

    def cut(self, *args, **kwargs):
        seen.append(self.state.global_step)
        if self.state.global_step == at - 1:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(trainer._LevelTrainer, "training_step", cut)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut", **options)
    assert seen[-1] == at - 1
    assert last_whole(tmp_path / "cut").name == f"checkpoint-{at - 2}"
    assert same(train(tmp_path / "cut", **options), whole)
    assert last_whole(tmp_path / "cut").name == end.name


@pytest.mark.parametrize("lr", [1e38, 1e300])
@pytest.mark.parametrize("start", ["cold", "dense"])
def test_a_training_that_diverges_says_so_and_writes_nothing_that_counts(tmp_path, start, lr):
    settings = ModelSettings(**{**MODEL.__dict__, "start": start})
    with pytest.raises(GenretError, match=r"the loss is (nan|inf) at step \d+; lower train\.lr|holds NaN or infinity"):
        train(tmp_path, settings, lr=lr, warmup=0.0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("start", ["cold", "dense"])
def test_every_start_trains_in_either_precision_on_any_machine(start, precision, tmp_path):
    """bf16 is emulated where the processor does not multiply it: the result is what matters here, not the time."""
    settings = ModelSettings(**{**MODEL.__dict__, "start": start})
    trained = train(tmp_path, settings, precision=precision, eval_every=4, max_steps=8)
    weights = trained.model.state_dict()
    assert all(bool(torch.isfinite(values.float()).all()) for values in weights.values())
    assert {values.dtype for values in weights.values() if values.is_floating_point()} == {torch.float32}
    untrained = train(tmp_path / "untrained", settings, max_steps=0).model.state_dict()
    assert not all(torch.equal(values, untrained[name]) for name, values in weights.items())


def test_early_stopping_keeps_the_best_model(tmp_path):
    trained = train(tmp_path, max_steps=60, lr=NO_STEP, eval_every=2, patience=2)
    steps = [int(folder.name.split("-")[1]) for folder in tmp_path.glob("checkpoint-*")]
    assert max(steps) == 6  # the first measurement is the best; two more do not improve on it
    assert all(torch.isfinite(value.float()).all() for value in weights(trained).values())


def test_tensorboard_logs_are_written(tmp_path):
    train(tmp_path, save_every=0)
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_a_model_that_lacks_weights_is_refused(tmp_path):
    trained = train(tmp_path / "work", save_every=0, max_steps=0)
    with write_artifact(tmp_path / "model", "model") as folder:
        trained.model.save_pretrained(folder / "model")
        trained.text_tokenizer.save_pretrained(folder / "model")
        tensors = load_file(folder / "model" / "model.safetensors")
        tensors.pop("decoder.norm.weight")
        save_file(tensors, folder / "model" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(GenretError, match=r"the weights lack 'decoder.norm.weight' and 0 more .* train the model"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("start", ["cold", "dense"])
def test_saved_model_answers_alike(tmp_path, start):
    trained = train(tmp_path / "work", ModelSettings(**{**MODEL.__dict__, "start": start}), save_every=0)
    artifact = save_model(trained, tmp_path / "model", {"dataset": "d", "tokenizer": "t"})
    model, text_tokenizer, loaded = load_model(tmp_path / "model")
    assert loaded.fingerprint == artifact.fingerprint == read_artifact(tmp_path / "model", "model").fingerprint
    assert dict(loaded.inputs) == {"dataset": "d", "tokenizer": "t"}
    assert loaded.settings["model"]["start"] == start
    assert loaded.settings["train"]["max_steps"] == TRAIN.max_steps
    texts = ["acme cola", "zest", "fair rice bread"]
    batch = trained.text_tokenizer(texts, return_tensors="pt", padding=True)
    again = text_tokenizer(texts, return_tensors="pt", padding=True)
    assert torch.equal(batch["input_ids"], again["input_ids"])
    inputs = (batch["input_ids"], batch["attention_mask"])
    assert torch.equal(
        model.decoder_for(*inputs).step(0, None, None), trained.model.decoder_for(*inputs).step(0, None, None)
    )


def test_saved_models_are_byte_for_byte_the_same(tmp_path):
    one, two = (save_model(train(tmp_path / name, save_every=0), tmp_path / f"{name}.model", {}) for name in "ab")
    assert one.fingerprint == two.fingerprint


def test_warm_start_trains_a_checkpoints_encoder(tmp_path):
    """Width 10, that of the embeddings, so that the query's embedding is the mean of the encoder's own states."""
    from transformers import AutoConfig

    texts = [product.title for product in shop().catalogue]
    train_text_tokenizer(texts, 70, 8).save_pretrained(tmp_path / "encoder")
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "bert", vocab_size=70, hidden_size=10, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    AutoModel.from_config(config).save_pretrained(tmp_path / "encoder")
    settings = ModelSettings(**{**MODEL.__dict__, "encoder": str(tmp_path / "encoder")})
    trained = train(tmp_path / "work", settings, save_every=0)
    assert trained.model.config.encoder.hidden_size == 10
    assert trained.model.config.pooling == "encoder"
    assert len(answer(trained, "acme cola")) == 2


def test_nothing_to_train_on_is_an_error(tmp_path):
    dataset = shop()
    silent = Dataset("silent", dataset.catalogue)
    options = TrainSettings(**{**TRAIN.__dict__, "pseudo_per_product": 0})
    with pytest.raises(GenretError, match="nothing to train on: 24 products, 0 judged train queries"):
        train_model(Corpus(silent, CODES, SIZES, VECTORS), MODEL, options, tmp_path)


def test_a_catalogue_without_a_log_trains_on_pseudo_queries(tmp_path):
    silent = Dataset("silent", shop().catalogue)
    trained = train_model(Corpus(silent, CODES, SIZES, VECTORS), MODEL, TRAIN, tmp_path)
    assert len(answer(trained, "acme cola")) == 2


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        (ModelSettings, {"start": "warm"}, "start='warm': expected 'cold', 'dense'"),
        (ModelSettings, {"d_model": 30, "heads": 4}, "d_model=30 is not a multiple of heads=4"),
        (ModelSettings, {"layers": 0}, "layers=0; expected a number of at least 1"),
        (ModelSettings, {"dropout": 1.0}, "dropout=1; expected a number of at least 0 and below 1"),
        (ModelSettings, {"pooling": "cls"}, "pooling='cls': expected 'auto', 'encoder', 'bag'"),
        (ModelSettings, {"backoff": 0.0}, "backoff=0; expected a number above 0"),
        (ModelSettings, {"encoder_layers": -1}, "encoder_layers=-1"),
        (TrainSettings, {"max_steps": -1}, "max_steps=-1; expected a number of at least 0"),
        (TrainSettings, {"own_share": 1.5}, "own_share=1.5; expected a number of at least 0 and at most 1"),
        (TrainSettings, {"pseudo_share": 1.5}, "pseudo_share=1.5; expected"),
        (TrainSettings, {"lr": 0.0}, "lr=0; expected a number above 0"),
        (TrainSettings, {"lr": float("inf")}, "lr=inf; expected a number above 0"),
        (TrainSettings, {"lr": float("nan")}, "lr=nan; expected a number above 0"),
        (TrainSettings, {"weight_decay": float("nan")}, "weight_decay=nan; expected a finite number"),
        (TrainSettings, {"precision": "fp8"}, "precision='fp8'"),
        (TrainSettings, {"patience": 3}, "patience=3 needs a dev loss to watch; set eval_every"),
        (TrainSettings, {"save_every": -1}, "save_every=-1; expected a number of at least 0"),
    ],
)
def test_wrong_settings_are_one_clear_error(kind, wrong, message):
    with pytest.raises(GenretError, match=message):
        kind(**wrong)


@pytest.mark.parametrize(
    ("settings", "products", "below"),
    [
        (ModelSettings(), 100, 256),
        (ModelSettings(), 20_000, 256),
        (ModelSettings(), 54_667, 683),
        (ModelSettings(), 10**7, 1024),
        (ModelSettings(look_below=64), 10**7, 64),
        (ModelSettings(lookahead=1), 100, 0),
        (ModelSettings(lookahead=0), 100, None),
    ],
    ids=["small", "20,000", "55,000", "huge", "as told", "one step", "none"],
)
def test_a_query_looks_below_more_prefixes_where_there_are_more(settings, products, below):
    assert settings.looks_below(products) == below
