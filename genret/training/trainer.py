"""Training the model: queries and pseudo-queries in, a model that spells the IDs of right products out.

Built on transformers' Trainer, which brings checkpoints, gradient accumulation, early stopping, TensorBoard and
`torchrun`. What it practises on is in `practice.py`, what an example asks of the model in `examples.py`, and every
choice in `settings.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments, set_seed

from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.embed.bag import bag_of_vectors
from genret.embed.embedder import QueryBag
from genret.embed.subwords import load_text_tokenizer, save_text_tokenizer, tokenize, train_text_tokenizer
from genret.ground.arrays import Floats, Ints
from genret.ground.artifacts import Artifact, read_artifact, write_artifact
from genret.ground.errors import GenretError, require
from genret.ground.files import write_text
from genret.ground.hardware import choose_device, choose_precision, record
from genret.ground.progress import Bar, log, no_library_bars
from genret.ground.progress import progress as telling
from genret.ground.ranks import agreed, is_main, wait, world_size
from genret.ground.settings import settings_dict
from genret.model.dense_start import additive_codebooks, centred_codebooks
from genret.model.encoders import encoder_config
from genret.model.prefix import Prefixes, PrefixTable
from genret.model.seq2seq import GenretConfig, GenretForConditionalGeneration, warm_start
from genret.model.values import PrefixValues
from genret.search.vocab import Vocab
from genret.training.card import model_card
from genret.training.checkpoints import PREFIX, last_whole, sealed
from genret.training.examples import Collator, Examples, Schedule, join
from genret.training.practice import OwnTeacher, log_examples, make_examples
from genret.training.saved import FOLDER, KIND
from genret.training.settings import ModelSettings, TrainSettings

TEXT_FIELDS = ("title", "brand", "category", "description")


class Corpus(NamedTuple):
    """A catalogue with its query log, and what its products are spelled as."""

    dataset: Dataset
    codes: Ints
    """(N, L) semantic IDs of the products, in catalogue order."""
    codebook_sizes: tuple[int, ...]
    """Codes per level, a suffix's among them (`genret.tokenizer.tokenizer.id_sizes`)."""
    vectors: Floats
    """(N, D) the products' embeddings, for the dense start."""


class Trained(NamedTuple):
    """A trained model, the tokenizer of its queries, and what made it."""

    model: GenretForConditionalGeneration
    text_tokenizer: Any
    model_settings: ModelSettings
    train_settings: TrainSettings


def train_model(
    data: Corpus,
    model_settings: ModelSettings,
    train_settings: TrainSettings,
    checkpoints: Path,
    query_bag: QueryBag | None = None,
    *,
    progress: bool = True,
) -> Trained:
    """A model trained to spell the semantic IDs of the right products.

    Goes on from the last checkpoint in the folder `checkpoints` if there is one, and leaves its own there. `query_bag`:
    how the embedder that made the vectors reads a query, if it does so by a bag of tokens: the model then reads text in
    the same way, and the dense start begins with the query's own embedding.
    """
    require("accelerate", "train")
    require("tensorboard", "train")
    dataset, codes, _, vectors = data
    set_seed(train_settings.seed)
    text_tokenizer = query_bag.text_tokenizer if query_bag else _text_tokenizer(dataset, model_settings)
    dev = log_examples(dataset, "dev", text_tokenizer, model_settings, train_settings)
    model = make_model(data, text_tokenizer, model_settings, query_bag)
    if not train_settings.max_steps:
        return Trained(model.eval(), text_tokenizer, model_settings, train_settings)
    dense = model_settings.start == "dense"
    own = OwnTeacher(model, vectors, train_settings) if train_settings.own_share and dense else None
    train = make_examples(dataset, text_tokenizer, model_settings, train_settings, own)
    practise(model, Practice(train, dev), codes, train_settings, checkpoints, progress)
    return Trained(model.eval().to("cpu"), text_tokenizer, model_settings, train_settings)


class Practice(NamedTuple):
    """What is practised, and what the dev loss is measured on; the latter may be empty."""

    train: Examples
    dev: Examples


def practise(
    model: GenretForConditionalGeneration,
    practice: Practice,
    codes: Ints,
    settings: TrainSettings,
    checkpoints: Path,
    shown: bool = True,
) -> None:
    """Train the model, in place, to spell the (N, L) codes of the right products; `shown`: say how far it is.

    Goes on from the last checkpoint in the folder `checkpoints` if there is one, and leaves its own there.
    """
    train, dev = practice
    model.encoder.requires_grad_(not settings.freeze_encoder)
    if isinstance(model.decoder.prefixes, PrefixValues):
        model.decoder.prefixes.vectors_require_grad(not settings.freeze_values)
    examples = join([train, dev])
    trainer = _LevelTrainer(
        model=model,
        args=_arguments(settings, checkpoints, bool(len(dev))),
        data_collator=Collator(examples, codes, model.vocab),
        train_dataset=_train_schedule(examples, train, dev, settings),
        eval_dataset=_dev_schedule(examples, train, dev, settings),
        callbacks=[EarlyStoppingCallback(settings.patience)] if settings.patience and len(dev) else [],
    )
    last = agreed(lambda: str(last_whole(checkpoints) or ""))
    trainer.remove_callback(PrinterCallback)  # prints raw dicts of losses
    with no_library_bars(), telling("train", settings.max_steps, shown=shown) as bar:
        trainer.add_callback(_Told(bar))
        trainer.train(resume_from_checkpoint=last or None)
    _check_finite(model, settings)


def save_model(
    trained: Trained, path: str | Path, inputs: Mapping[str, str], continued: Sequence[Mapping[str, Any]] = ()
) -> Artifact:
    """Write the model artifact at `path`: a Hugging Face folder `model/` that holds weights and text tokenizer.

    continued: on which logs, and how, it went on learning after its first training.
    """
    settings: dict[str, Any] = {
        "model": settings_dict(trained.model_settings),
        "train": settings_dict(trained.train_settings),
    }
    if continued:
        settings["continued"] = list(continued)
    made = record(choose_device(), choose_precision(trained.train_settings.precision))
    with write_artifact(path, KIND, settings, inputs, hardware=made) as folder:
        with no_library_bars():
            trained.model.save_pretrained(folder / FOLDER)
        card = model_card(trained.model.vocab.codebook_sizes, trained.model_settings, trained.train_settings)
        write_text(folder / FOLDER / "README.md", card)
        save_text_tokenizer(trained.text_tokenizer, folder / FOLDER)
    return read_artifact(path, KIND, verify=False)


def save_grown(
    loaded: tuple[GenretForConditionalGeneration, Any, Artifact],
    prefixes: Prefixes,
    path: Path,
    inputs: Mapping[str, str],
) -> Artifact:
    """Write at `path` the model that `load_model` loaded, with other prefixes than its own (`Growth.over`)."""
    model, text_tokenizer, artifact = loaded
    model.decoder.prefixes = prefixes
    model.config.prefixes = list(prefixes.counts(prefixes.ids()))
    with write_artifact(path, KIND, artifact.settings, inputs, hardware=artifact.hardware) as folder:
        model.save_pretrained(folder / FOLDER)
        save_text_tokenizer(text_tokenizer, folder / FOLDER)
    return read_artifact(path, KIND, verify=False)


def make_model(
    data: Corpus, text_tokenizer: Any, settings: ModelSettings, query_bag: QueryBag | None = None
) -> GenretForConditionalGeneration:
    """The untrained model: from scratch or warm, cold or dense.

    A dense start without a `query_bag` fits token vectors to the products' texts.
    """
    dataset, codes, sizes, vectors = data
    vocab, bag_share = Vocab(sizes), query_bag.share if query_bag else 0.0
    token_vectors = torch.from_numpy(query_bag.vectors) if query_bag else None
    warm = bool(settings.encoder)
    encoder: Any = encoder_config(settings.encoder) if warm else small_encoder(settings, len(text_tokenizer))
    if warm:
        encoder.name_or_path = ""  # where it lay is no part of the model; the settings say what it was
    dense = settings.start == "dense"
    config = GenretConfig(
        encoder=encoder,
        codebook_sizes=vocab.codebook_sizes,
        d_model=settings.d_model,
        layers=settings.layers,
        heads=settings.heads,
        ffn=settings.ffn,
        dropout=settings.dropout,
        d_code=vectors.shape[1] if dense else None,
        pooling="both" if bag_share and dense else "encoder" if _pools_encoder(settings, encoder, vectors) else "bag",
        bag_share=bag_share,
        query_scale=settings.scale(len(codes)),
        max_text_tokens=settings.max_text_tokens,
        prefixes=PrefixTable.counts(torch.from_numpy(codes)) if settings.prefixes else None,
        backoff=settings.backoff,
        look_below=settings.looks_below(len(codes)) if dense and settings.prefixes else None,
    )
    model = warm_start(config, settings.encoder) if warm else GenretForConditionalGeneration(config)
    prefixes = model.decoder.prefixes
    if prefixes is not None:
        prefixes.fill(torch.from_numpy(codes))
    if dense:
        if prefixes is None:
            books = additive_codebooks(codes, vectors, vocab.codebook_sizes)
        else:
            books, nodes = centred_codebooks(codes, vectors, vocab.codebook_sizes)
        if isinstance(prefixes, PrefixTable):
            prefixes.start_from([torch.from_numpy(node) for node in nodes])
        elif isinstance(prefixes, PrefixValues):
            prefixes.start_from(torch.from_numpy(codes), torch.from_numpy(np.asarray(vectors, np.float32)))
        bag = model.encoder.bag is not None
        if bag and token_vectors is None:
            token_vectors = _bag(dataset, vectors, text_tokenizer, settings)
        model.tie_codebooks([torch.from_numpy(book) for book in books], token_vectors if bag else None)
    return model


def _pools_encoder(settings: ModelSettings, encoder: Any, vectors: Floats) -> bool:
    """Whether the query's embedding is the mean of the encoder's states: only if these lie in the codebooks' space."""
    if settings.pooling == "auto":
        return bool(settings.encoder) and encoder.hidden_size == vectors.shape[1]
    return settings.pooling == "encoder"


def _text_tokenizer(dataset: Dataset, settings: ModelSettings) -> Any:
    if settings.encoder:
        return load_text_tokenizer(settings.encoder)
    texts = [product_text(product, (*TEXT_FIELDS, "attributes")) for product in dataset.catalogue]
    texts += [query.text for query in dataset.split_queries("train")]
    return train_text_tokenizer(texts, settings.text_vocab, settings.max_text_tokens)


def small_encoder(settings: ModelSettings, vocab_size: int) -> dict[str, Any]:
    """The configuration of the text encoder from scratch; with no layers, its token vectors alone."""
    return {
        "model_type": "bert",
        "vocab_size": vocab_size,
        "hidden_size": settings.d_model,
        "num_hidden_layers": settings.encoder_layers,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.ffn,
        "hidden_act": "relu",
        "max_position_embeddings": settings.max_text_tokens,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.dropout,
        "type_vocab_size": 1,
    }


def _bag(dataset: Dataset, vectors: Floats, text_tokenizer: Any, settings: ModelSettings) -> torch.Tensor:
    texts = [product_text(product, TEXT_FIELDS) for product in dataset.catalogue]
    tokens, lengths = tokenize(text_tokenizer, texts, 128)
    return torch.from_numpy(bag_of_vectors(tokens, lengths, vectors, len(text_tokenizer)))


def _train_schedule(examples: Examples, train: Examples, dev: Examples, settings: TrainSettings) -> Schedule:
    visits = settings.max_steps * settings.batch_size * settings.accumulate
    share = np.concatenate([train.share, np.zeros(len(dev), np.float32)])
    return Schedule(examples, share, visits, settings.batch_size, settings.seed)


def _dev_schedule(examples: Examples, train: Examples, dev: Examples, settings: TrainSettings) -> Schedule | None:
    """Every dev query once, along the same path at every measurement; None where there is no dev split."""
    share = np.concatenate([np.zeros(len(train), np.float32), np.ones(len(dev), np.float32)])
    return Schedule(examples, share, len(dev), settings.batch_size, settings.seed) if len(dev) else None


class _LevelTrainer(Trainer):
    """The Trainer, taking the schedule in its own order; its checkpoints are whole, and it stops where it diverges."""

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(self.train_dataset)

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
        if not torch.isfinite(loss):
            raise GenretError(
                f"the loss is {float(loss)} at step {self.state.global_step}; lower train.lr={self.args.learning_rate}"
            )
        return loss

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self._get_output_dir(trial)) / f"{PREFIX}{self.state.global_step}"
        with sealed(folder) if is_main() else nullcontext():
            super()._save_checkpoint(model, trial)
            wait()  # for what the other ranks put into it


class _Told(TrainerCallback):
    """Tells the Trainer's steps and losses in genret's own way."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.at(int(state.global_step))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        losses = {name: float(value) for name, value in (logs or {}).items() if "loss" in name}
        self._bar.note(losses)
        if losses and is_main():
            log("train", {"step": int(state.global_step), **losses})


def _check_finite(model: GenretForConditionalGeneration, settings: TrainSettings) -> None:
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise GenretError(f"after training, {name} holds NaN or infinity; lower train.lr={settings.lr}")


def _arguments(settings: TrainSettings, checkpoints: Path, dev: bool) -> TrainingArguments:
    evaluate = dev and settings.eval_every > 0
    keep_best = evaluate and settings.patience > 0
    save_every = settings.eval_every if keep_best else settings.save_every
    device = choose_device()
    if device != "cpu":
        os.environ["ACCELERATE_TORCH_DEVICE"] = device  # how the Trainer is told which GPU
    else:
        os.environ.pop("ACCELERATE_TORCH_DEVICE", None)
    ranks = world_size()
    if settings.batch_size % ranks:
        raise GenretError(f"batch_size={settings.batch_size} cannot be shared by {ranks} processes; take a multiple")
    args = TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size // ranks,
        per_device_eval_batch_size=settings.batch_size // ranks,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.lr,
        warmup_steps=round(settings.warmup * settings.max_steps),
        lr_scheduler_type="cosine",
        weight_decay=settings.weight_decay,
        optim="adamw_torch_fused",
        bf16=choose_precision(settings.precision) == "bf16",
        seed=settings.seed,
        eval_strategy="steps" if evaluate else "no",
        eval_steps=settings.eval_every or None,
        save_strategy="steps" if save_every else "no",
        save_steps=save_every or settings.max_steps,
        save_total_limit=2,
        load_best_model_at_end=keep_best,
        metric_for_best_model="loss" if keep_best else None,
        greater_is_better=False if keep_best else None,
        logging_steps=settings.log_every,
        report_to=["tensorboard"],
        disable_tqdm=True,
        prediction_loss_only=True,
        remove_unused_columns=False,
        restore_callback_states_from_checkpoint=True,  # the patience of early stopping
        dataloader_pin_memory=device != "cpu",
        use_cpu=device == "cpu",
    )
    if args.n_gpu > 1:  # several GPUs are for several processes; one process takes one
        args._n_gpu = 1
    return args
