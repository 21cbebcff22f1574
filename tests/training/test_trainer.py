"""Training: what a batch asks for, what the seed fixes, resuming, withholding, and what is saved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from taught_shop import CODES, KINDS, MODEL, SIZES, TRAIN, VECTORS, answer, same, shop, train, weights
from transformers import AutoModel

from genret.data.records import Dataset
from genret.embed.subwords import train_text_tokenizer
from genret.ground.artifacts import read_artifact, write_artifact
from genret.ground.errors import GenretError
from genret.training import trainer
from genret.training.checkpoints import SEAL, last_whole
from genret.training.saved import load_model
from genret.training.settings import ModelSettings, TrainSettings
from genret.training.trainer import Corpus, save_model, train_model

# --- training ---


def test_training_learns_the_shop(tmp_path: Path) -> None:
    trained = train(tmp_path / "a", max_steps=150, lr=0.01, save_every=0)
    catalogue = shop().catalogue
    right = [answer(trained, product.title) == CODES[row].tolist() for row, product in enumerate(catalogue)]
    assert np.mean(right) > 0.9
    assert answer(trained, "rice")[0] == KINDS.index("rice")


def test_same_seed_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    first, again = train(tmp_path / "a"), train(tmp_path / "b")
    assert same(first, again)
    assert not same(first, train(tmp_path / "c", seed=1))


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    whole = train(tmp_path)
    shutil.rmtree(tmp_path / "checkpoint-8")
    assert (tmp_path / "checkpoint-4").is_dir()
    assert same(train(tmp_path), whole)


@pytest.mark.parametrize("damage", ["no seal", "a file cut short", "a file gone", "a file changed", "empty"])
def test_a_checkpoint_that_is_not_whole_is_removed_and_the_one_before_taken(tmp_path: Path, damage: str) -> None:
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


def test_early_stopping_keeps_its_patience_across_an_interruption(tmp_path: Path) -> None:
    """Cut off after any measurement, a training stops where the whole one did."""
    options: dict[str, Any] = {"max_steps": 40, "lr": NO_STEP, "eval_every": 2, "patience": 3}
    whole = train(tmp_path / "whole", **options)
    steps = sorted(int(folder.name.split("-")[1]) for folder in (tmp_path / "whole").glob("checkpoint-*"))
    assert steps[-1] < 40
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    shutil.rmtree(tmp_path / "cut" / f"checkpoint-{steps[-1]}")
    again = train(tmp_path / "cut", **options)
    ended = sorted(int(folder.name.split("-")[1]) for folder in (tmp_path / "cut").glob("checkpoint-*"))
    assert ended == steps
    assert same(again, whole)


def test_early_stopping_cut_off_between_the_last_two_measurements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed there, with its patience almost used up, a training stops where the whole one did."""
    options: dict[str, Any] = {"max_steps": 40, "lr": NO_STEP, "eval_every": 2, "patience": 3}
    whole = train(tmp_path / "whole", **options)
    end = last_whole(tmp_path / "whole")
    assert end is not None
    at, step = int(end.name.split("-")[1]), trainer._LevelTrainer.training_step
    seen = []

    def cut(self: trainer._LevelTrainer, *args: Any, **kwargs: Any) -> torch.Tensor:
        seen.append(self.state.global_step)
        if self.state.global_step == at - 1:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(trainer._LevelTrainer, "training_step", cut)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut", **options)
    assert seen[-1] == at - 1
    assert (last := last_whole(tmp_path / "cut")) is not None
    assert last.name == f"checkpoint-{at - 2}"
    assert same(train(tmp_path / "cut", **options), whole)
    assert (last := last_whole(tmp_path / "cut")) is not None
    assert last.name == end.name


@pytest.mark.parametrize("lr", [1e38, 1e300])
@pytest.mark.parametrize("start", ["cold", "dense"])
def test_a_training_that_diverges_says_so_and_writes_nothing_that_counts(tmp_path: Path, start: str, lr: float) -> None:
    settings = ModelSettings(**{**MODEL.__dict__, "start": start})
    with pytest.raises(GenretError, match=r"the loss is (nan|inf) at step \d+; lower train\.lr|holds NaN or infinity"):
        train(tmp_path, settings, lr=lr, warmup=0.0)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("start", ["cold", "dense"])
def test_every_start_trains_in_either_precision_on_any_machine(start: str, precision: str, tmp_path: Path) -> None:
    """bf16 is emulated where the processor does not multiply it: the result is what matters here, not the time."""
    settings = ModelSettings(**{**MODEL.__dict__, "start": start})
    trained = train(tmp_path, settings, precision=precision, eval_every=4, max_steps=8)
    weights = trained.model.state_dict()
    assert all(bool(torch.isfinite(values.float()).all()) for values in weights.values())
    assert {values.dtype for values in weights.values() if values.is_floating_point()} == {torch.float32}
    untrained = train(tmp_path / "untrained", settings, max_steps=0).model.state_dict()
    assert not all(torch.equal(values, untrained[name]) for name, values in weights.items())


def test_early_stopping_keeps_the_best_model(tmp_path: Path) -> None:
    trained = train(tmp_path, max_steps=60, lr=NO_STEP, eval_every=2, patience=2)
    steps = [int(folder.name.split("-")[1]) for folder in tmp_path.glob("checkpoint-*")]
    assert max(steps) == 6  # the first measurement is the best; two more do not improve on it
    assert all(torch.isfinite(value.float()).all() for value in weights(trained).values())


def test_tensorboard_logs_are_written(tmp_path: Path) -> None:
    train(tmp_path, save_every=0)
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_a_model_that_lacks_weights_is_refused(tmp_path: Path) -> None:
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
def test_saved_model_answers_alike(tmp_path: Path, start: str) -> None:
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


def test_saved_models_are_byte_for_byte_the_same(tmp_path: Path) -> None:
    one, two = (save_model(train(tmp_path / name, save_every=0), tmp_path / f"{name}.model", {}) for name in "ab")
    assert one.fingerprint == two.fingerprint


def test_warm_start_trains_a_checkpoints_encoder(tmp_path: Path) -> None:
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


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    dataset = shop()
    silent = Dataset("silent", dataset.catalogue)
    options = TrainSettings(**{**TRAIN.__dict__, "pseudo_per_product": 0})
    with pytest.raises(GenretError, match="nothing to train on: 24 products, 0 judged train queries"):
        train_model(Corpus(silent, CODES, SIZES, VECTORS), MODEL, options, tmp_path)


def test_a_catalogue_without_a_log_trains_on_pseudo_queries(tmp_path: Path) -> None:
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
def test_wrong_settings_are_one_clear_error(
    kind: type[ModelSettings] | type[TrainSettings], wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(GenretError, match=message):
        kind(**wrong)


@pytest.mark.parametrize(
    ("settings", "products", "below"),
    [
        (ModelSettings(), 100, 256),
        (ModelSettings(), 20_000, 256),
        (ModelSettings(), 54_667, 683),
        (ModelSettings(), 250_000, 1024),
        (ModelSettings(), 10**7, 320),
        (ModelSettings(look_below=64), 10**7, 64),
        (ModelSettings(lookahead=1), 100, 0),
        (ModelSettings(lookahead=0), 100, None),
    ],
    ids=["small", "20,000", "55,000", "250,000", "huge", "as told", "one step", "none"],
)
def test_a_query_looks_below_as_many_prefixes_as_the_catalogue_wants(
    settings: ModelSettings, products: int, below: int | None
) -> None:
    assert settings.looks_below(products) == below


@pytest.mark.parametrize(
    ("settings", "products", "scale"),
    [
        (ModelSettings(), 1, 24.0),
        (ModelSettings(), 50_000, 24.0),
        (ModelSettings(), 500_000, 36.0),
        (ModelSettings(), 5 * 10**6, 48.0),
        (ModelSettings(query_scale=16.0), 5 * 10**6, 16.0),
    ],
    ids=["one", "50,000", "500,000", "5,000,000", "as told"],
)
def test_the_scale_follows_the_catalogue(settings: ModelSettings, products: int, scale: float) -> None:
    assert settings.scale(products) == pytest.approx(scale)
