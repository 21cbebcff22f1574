"""Training the model: queries and pseudo-queries in, a model that spells the IDs of right products out.

Built on transformers' Trainer, which brings checkpoints, gradient accumulation, early stopping, TensorBoard and
`torchrun`. Knows how a data set becomes examples; what an example asks of the model is in `examples.py` and `model.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from genret.artifacts import Artifact, read_artifact, write_artifact
from genret.data.records import Dataset
from genret.embed import product_text
from genret.errors import GenretError, require
from genret.examples import Collator, Examples, Schedule, join
from genret.model import GenretConfig, GenretForConditionalGeneration, encoder_config, warm_start
from genret.prefix import PrefixTable
from genret.pseudo import LexicalTeacher, Neighbours, make_pseudo_queries
from genret.settings import settings_dict
from genret.start import additive_codebooks, bag_of_vectors, centred_codebooks
from genret.text import load_text_tokenizer, tokenize, train_text_tokenizer
from genret.types import Split
from genret.vocab import Vocab

if TYPE_CHECKING:
    from genret.tokenizer.tokenizer import Tokenizer
    from genret.towers import TowerEmbedder

KIND = "model"
FOLDER = "model"
"""The Hugging Face folder inside the artifact."""
TEXT_FIELDS = ("title", "brand", "category", "description")

Start = Literal["cold", "dense"]
Precision = Literal["auto", "fp32", "bf16"]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ModelSettings:
    """The model's shape. The defaults suit a catalogue of some 20,000 products and minutes on one core."""

    encoder: str = ""
    """A checkpoint to start the encoder from, hub name or local folder; empty for a small one from scratch."""
    start: Start = "dense"
    """`dense`: the heads start as codebooks in the embedding's space, so that the untrained model already searches."""
    d_model: int = 128
    layers: int = 1
    """Of the decoder."""
    heads: int = 4
    ffn: int = 256
    encoder_layers: int = 0
    """Of the encoder from scratch, whose width and heads are the decoder's; 0 for its token vectors alone."""
    text_vocab: int = 8192
    """Of the text tokenizer from scratch."""
    max_text_tokens: int = 32
    dropout: float = 0.0
    pooling: Literal["auto", "encoder", "bag"] = "auto"
    """Where the dense start takes the query's embedding from: the mean of the encoder's states (right if `encoder` also
    made the products' embeddings), or a bag of token vectors fitted to them. `auto`: `encoder` where the widths agree.
    """
    query_scale: float = 10.0
    """Inner products with codewords are multiplied by this at the dense start."""
    prefixes: bool = True
    """Tell the decoder which codes follow which prefix in the catalogue (`genret.prefix`)."""
    backoff: float = 0.1
    """Weight of codes that do not follow a prefix in the catalogue, against 1 for each that does."""
    beam_width: int = 50
    """How wide a search of this model is unless it is told otherwise."""

    def __post_init__(self) -> None:
        if self.start not in ("cold", "dense"):
            raise GenretError(f"start={self.start!r}: expected cold or dense")
        for name in ("d_model", "layers", "heads", "ffn", "text_vocab", "max_text_tokens", "beam_width"):
            if getattr(self, name) < 1:
                raise GenretError(f"{name}={getattr(self, name)}: expected at least 1")
        if self.pooling not in ("auto", "encoder", "bag"):
            raise GenretError(f"pooling={self.pooling!r}: expected auto, encoder or bag")
        if self.d_model % self.heads:
            raise GenretError(f"d_model={self.d_model} is not a multiple of heads={self.heads}; choose a multiple")
        if self.encoder_layers < 0:
            raise GenretError(f"encoder_layers={self.encoder_layers}: expected 0 (token vectors alone) or more")
        for name in ("query_scale", "backoff"):
            if getattr(self, name) <= 0:
                raise GenretError(f"{name}={getattr(self, name)}: expected more than 0")
        if not 0 <= self.dropout < 1:
            raise GenretError(f"dropout={self.dropout}: expected 0 <= dropout < 1")


@dataclass(frozen=True)
class TrainSettings:
    """How the model is trained. The defaults take about two minutes on one core for some 20,000 products."""

    max_steps: int = 900
    """0 leaves the model as it starts, which the dense start makes a retriever already."""
    batch_size: int = 256
    accumulate: int = 1
    """Batches a step."""
    lr: float = 5e-3
    warmup: float = 0.05
    """Share of the steps."""
    weight_decay: float = 0.01
    seed: int = 0
    pseudo_share: float = 0.5
    """Share of the practice on pseudo-queries; the rest is the query log."""
    pseudo_per_product: float = 2.0
    pseudo_noise: float = 0.2
    """Share of pseudo-queries with a typo or another form of a unit."""
    teacher_products: int = 32
    """Products that the lexical teacher finds right for a pseudo-query; 0 for the one it was made from alone."""
    teacher_temperature: float = 1.0
    """Of the teacher's softmax, in BM25 points."""
    frequency_power: float = 0.5
    """A query asked f times is practised in proportion to f ** this."""
    own_share: float = 0.0
    """Share of a log query's target that the products nearest to its embedding have, weighed as the dense start scores
    them; the rest is the judged products'. Judgements alone unlearn the neighbourhood that the start knows."""
    own_products: int = 100
    grade_power: float = 1.0
    """A product graded g weighs (g - irrelevant grade) ** this among the right products of a query."""
    freeze_encoder: bool = False
    """Leave the encoder as it is, as suits one that was fine-tuned for the embeddings; a step is then far cheaper."""
    precision: Precision = "auto"
    """`auto`: bf16 where the hardware multiplies it, else fp32."""
    eval_every: int = 0
    """Steps between two measurements of the dev loss; 0 measures none."""
    patience: int = 0
    """Stop after so many measurements without improvement and keep the best; 0 never stops early."""
    save_every: int = 500
    """Steps between checkpoints; 0 keeps none."""
    log_every: int = 50
    withhold: tuple[str, ...] = ()
    """Ids of products that take no part in training at all: for cold-start measurements."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate", "log_every", "own_products"):
            if getattr(self, name) < 1:
                raise GenretError(f"{name}={getattr(self, name)}: expected at least 1")
        for name in ("pseudo_share", "pseudo_noise", "warmup", "own_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise GenretError(f"{name}={getattr(self, name)}: expected a share from 0 to 1")
        for name in ("eval_every", "patience", "save_every", "teacher_products", "pseudo_per_product", "max_steps"):
            if getattr(self, name) < 0:
                raise GenretError(f"{name}={getattr(self, name)}: expected 0 or more")
        for name in ("lr", "teacher_temperature"):
            if getattr(self, name) <= 0:
                raise GenretError(f"{name}={getattr(self, name)}: expected more than 0")
        if self.precision not in ("auto", "fp32", "bf16"):
            raise GenretError(f"precision={self.precision!r}: expected auto, fp32 or bf16")
        if self.patience and not self.eval_every:
            raise GenretError(f"patience={self.patience} needs a dev loss to watch; set eval_every as well")


class Trained(NamedTuple):
    """A trained model, the tokenizer of its queries, and what made it."""

    model: GenretForConditionalGeneration
    text_tokenizer: Any
    model_settings: ModelSettings
    train_settings: TrainSettings


def train_model(
    dataset: Dataset,
    codes: Ints,
    tokenizer: Tokenizer,
    vectors: Floats,
    model_settings: ModelSettings,
    train_settings: TrainSettings,
    checkpoints: Path,
    towers: TowerEmbedder | None = None,
    bag_share: float = 0.0,
) -> Trained:
    """A model trained to spell `codes` (N, L), the semantic IDs of the data set's products in catalogue order.

    `vectors` (N, D) are the products' embeddings, used by the dense start. Goes on from the last checkpoint in the
    folder `checkpoints` if there is one, and leaves its own there.

    `towers`: the embedder that made `vectors`, if it was that: a model from scratch then reads text as its query tower
    does, and the dense start begins with the query's own embedding. With an encoder, `towers` and `bag_share` are the
    bag of tokens beside it in the embedder (see `genret.embed.TunedEmbedder`).
    """
    require("accelerate", "train")
    require("tensorboard", "train")
    from genret.tokenizer.tokenizer import id_sizes

    vocab = Vocab(id_sizes(codes, tokenizer.settings.codebook_sizes))
    set_seed(train_settings.seed)
    if model_settings.encoder and not bag_share:
        towers = None
    text_tokenizer = towers.text_tokenizer if towers else _text_tokenizer(dataset, model_settings)
    dev = log_examples(dataset, "dev", text_tokenizer, model_settings, train_settings)
    bag = torch.from_numpy(towers.query) if towers else None
    model = make_model(dataset, codes, vocab, vectors, text_tokenizer, model_settings, bag, bag_share)
    if not train_settings.max_steps:
        return Trained(model.eval(), text_tokenizer, model_settings, train_settings)
    own = OwnTeacher(model, vectors, train_settings) if train_settings.own_share else None
    train = make_examples(dataset, text_tokenizer, model_settings, train_settings, own)
    model.encoder.requires_grad_(not train_settings.freeze_encoder)
    examples = join([train, dev])
    trainer = _LevelTrainer(
        model=model,
        args=_arguments(train_settings, checkpoints, bool(len(dev))),
        data_collator=Collator(examples, codes, vocab),
        train_dataset=_train_schedule(examples, train, dev, train_settings),
        eval_dataset=_dev_schedule(examples, train, dev, train_settings),
        callbacks=[EarlyStoppingCallback(train_settings.patience)] if train_settings.patience and len(dev) else [],
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None)
    return Trained(model.eval(), text_tokenizer, model_settings, train_settings)


def save_model(trained: Trained, path: str | Path, inputs: Mapping[str, str]) -> Artifact:
    """Write the model artifact at `path`: a Hugging Face folder `model/` that holds weights and text tokenizer."""
    settings = {"model": settings_dict(trained.model_settings), "train": settings_dict(trained.train_settings)}
    with write_artifact(path, KIND, settings, inputs) as folder:
        trained.model.save_pretrained(folder / FOLDER)
        trained.text_tokenizer.save_pretrained(folder / FOLDER)
    return read_artifact(path, KIND, verify=False)


def load_model(path: str | Path) -> tuple[GenretForConditionalGeneration, Any, Artifact]:
    """The model at `path`, ready to search, its text tokenizer, and its artifact, checked."""
    artifact = read_artifact(path, KIND)
    model, info = GenretForConditionalGeneration.from_pretrained(artifact.path / FOLDER, output_loading_info=True)
    missing = sorted(info["missing_keys"])
    if missing:
        raise GenretError(
            f"{artifact.path}: the weights lack {missing[0]!r} and {len(missing) - 1} more that the model needs; "
            "train the model again"
        )
    return model.eval(), load_text_tokenizer(artifact.path / FOLDER), artifact


def make_model(
    dataset: Dataset,
    codes: Ints,
    vocab: Vocab,
    vectors: Floats,
    text_tokenizer: Any,
    settings: ModelSettings,
    token_vectors: torch.Tensor | None = None,
    bag_share: float = 0.0,
) -> GenretForConditionalGeneration:
    """The untrained model: from scratch or warm, cold or dense.

    `token_vectors` (V_text, D) embed a query as the sum of its tokens' vectors; fitted to the products' texts if None.
    With a `bag_share`, they do so beside the encoder, and D is what it leaves of the embedding's width.
    """
    warm = bool(settings.encoder)
    encoder = encoder_config(settings.encoder) if warm else small_encoder(settings, len(text_tokenizer))
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
        query_scale=settings.query_scale,
        max_text_tokens=settings.max_text_tokens,
        prefixes=PrefixTable.counts(torch.from_numpy(codes)) if settings.prefixes else None,
        backoff=settings.backoff,
    )
    model = warm_start(config, settings.encoder) if warm else GenretForConditionalGeneration(config)
    if model.decoder.prefixes is not None:
        model.decoder.prefixes.fill(torch.from_numpy(codes))
    if dense:
        if model.decoder.prefixes is None:
            books = additive_codebooks(codes, vectors, vocab.codebook_sizes)
        else:
            books, nodes = centred_codebooks(codes, vectors, vocab.codebook_sizes)
            model.decoder.prefixes.start_from([torch.from_numpy(node) for node in nodes])
        bag = model.encoder.bag is not None
        if bag and token_vectors is None:
            token_vectors = _bag(dataset, vectors, text_tokenizer, settings)
        model.tie_codebooks([torch.from_numpy(book) for book in books], token_vectors if bag else None)
    return model


def _pools_encoder(settings: ModelSettings, encoder: Any, vectors: Floats) -> bool:
    """Whether the query's embedding is the mean of the encoder's states: if it embeds in the codebooks' space."""
    if settings.pooling == "auto":
        return bool(settings.encoder) and encoder.hidden_size == vectors.shape[1]
    return settings.pooling == "encoder"


class OwnTeacher:
    """The untrained dense start as a teacher of itself: the products nearest to a query's embedding."""

    def __init__(self, model: GenretForConditionalGeneration, vectors: Floats, settings: TrainSettings) -> None:
        self.model, self.vectors, self.settings = model, torch.from_numpy(np.asarray(vectors)), settings

    @torch.no_grad()
    def beside(self, examples: Examples, rows: Ints, batch: int = 256) -> Examples:
        """The same examples, `own_share` of each one's target moved to its nearest products among `rows`."""
        share, scale = self.settings.own_share, self.model.config.query_scale
        places, vectors = torch.from_numpy(rows), self.vectors[torch.from_numpy(rows)]
        lists: list[list[tuple[int, float]]] = []
        for start in range(0, len(examples), batch):
            lengths = examples.lengths[start : start + batch]
            tokens = torch.from_numpy(examples.tokens[start : start + batch, : lengths.max()].astype(np.int64))
            mask = torch.from_numpy((np.arange(tokens.shape[1]) < lengths[:, None]).astype(np.int64))
            query = self.model.encoder(tokens, mask).pooler_output
            if query is None:
                raise GenretError("own_share needs the dense start; set model.start=dense, or own_share=0")
            best, near = (query @ vectors.T).topk(min(self.settings.own_products, len(vectors)), dim=1)
            weights = share * (best * scale).softmax(1)
            lists += [
                list(zip(*pair, strict=True)) for pair in zip(places[near].tolist(), weights.tolist(), strict=True)
            ]
        right = examples.right
        judged = [
            list(zip(right.rows[a:b].tolist(), ((1 - share) * right.weights[a:b]).tolist(), strict=True))
            for a, b in zip(right.starts[:-1].tolist(), right.starts[1:].tolist(), strict=True)
        ]
        both = [a + b for a, b in zip(judged, lists, strict=True)]
        return replace(examples, right=_neighbours(both))


def make_examples(
    dataset: Dataset,
    text_tokenizer: Any,
    model: ModelSettings,
    train: TrainSettings,
    own: OwnTeacher | None = None,
) -> Examples:
    """The log's queries and the pseudo-queries, in the proportion that the settings ask for."""
    parts = []
    log = log_examples(dataset, "train", text_tokenizer, model, train)
    if own is not None:
        log = own.beside(log, _taught(dataset, train))
    share = train.pseudo_share if len(log) else 1.0
    if len(log) and share < 1:
        parts.append((log, 1 - share))
    if share > 0 and train.pseudo_per_product > 0:
        parts.append((_pseudo_examples(dataset, text_tokenizer, model, train), share))
    parts = [(part, share) for part, share in parts if len(part)]
    if not parts:
        raise GenretError(
            f"nothing to train on: {len(dataset.catalogue)} products, {len(log)} judged train queries, "
            f"pseudo_share={train.pseudo_share}; add queries with judgements, or pseudo-queries"
        )
    return join([_shared(part, share) for part, share in parts])


def log_examples(
    dataset: Dataset, split: Split, text_tokenizer: Any, model: ModelSettings, train: TrainSettings
) -> Examples:
    """A split's queries with the products judged relevant, weighted by grade; queries without one are left out."""
    withheld = set(train.withhold)
    right: dict[str, list[tuple[int, float]]] = {}
    for judgement in dataset.split_judgements(split):
        if judgement.grade >= dataset.relevant_at and judgement.product_id not in withheld:
            weight = max(judgement.grade - dataset.irrelevant_grade, 1e-6) ** train.grade_power
            right.setdefault(judgement.query_id, []).append((dataset.catalogue.row(judgement.product_id), weight))
    queries = [query for query in dataset.split_queries(split) if query.id in right]
    lists = [right[query.id] for query in queries]
    tokens, lengths = tokenize(text_tokenizer, [query.text for query in queries], model.max_text_tokens)
    frequency = np.asarray([query.frequency for query in queries], np.float32) ** train.frequency_power
    return Examples(tokens, lengths, _neighbours(lists), frequency)


def _pseudo_examples(dataset: Dataset, text_tokenizer: Any, model: ModelSettings, train: TrainSettings) -> Examples:
    catalogue, rows = dataset.catalogue, _taught(dataset, train)
    count = round(len(rows) * train.pseudo_per_product)
    pseudo = make_pseudo_queries(catalogue, rows, count, train.pseudo_noise, train.seed)
    own = [[(row, 1.0)] for row in pseudo.rows.tolist()]
    right = _neighbours(own)
    if train.teacher_products and count:
        teacher = LexicalTeacher(catalogue, rows)
        right = _or_else(teacher.neighbours(pseudo.clean, train.teacher_products, train.teacher_temperature), right)
    tokens, lengths = tokenize(text_tokenizer, pseudo.texts, model.max_text_tokens)
    return Examples(tokens, lengths, right, np.ones(count, np.float32))


def _taught(dataset: Dataset, train: TrainSettings) -> Ints:
    """Rows of the products that take part in training."""
    withheld = set(train.withhold)
    return np.asarray([row for row, product in enumerate(dataset.catalogue.ids) if product not in withheld], np.int64)


def _or_else(found: Neighbours, own: Neighbours) -> Neighbours:
    """What the teacher found, and where it found nothing (a title of symbols), the product itself."""
    lists = [
        list(zip(found.rows[a:b].tolist(), found.weights[a:b].tolist(), strict=True)) or [(int(own.rows[i]), 1.0)]
        for i, (a, b) in enumerate(zip(found.starts[:-1].tolist(), found.starts[1:].tolist(), strict=True))
    ]
    return _neighbours(lists)


def _neighbours(lists: Sequence[Sequence[tuple[int, float]]]) -> Neighbours:
    starts = np.cumsum([0, *map(len, lists)])
    rows = np.asarray([row for right in lists for row, _ in right], np.int64)
    weights = np.asarray([weight for right in lists for _, weight in right], np.float64)
    totals = np.add.reduceat(np.append(weights, 0.0), starts[:-1]) if len(lists) else weights
    return Neighbours(starts, rows, (weights / np.repeat(totals, np.diff(starts))).astype(np.float32))


def _shared(part: Examples, share: float) -> Examples:
    return Examples(part.tokens, part.lengths, part.right, part.share * (share / float(part.share.sum())))


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
    """The Trainer, taking the schedule in its own order."""

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(self.train_dataset)


def _arguments(settings: TrainSettings, checkpoints: Path, dev: bool) -> TrainingArguments:
    evaluate = dev and settings.eval_every > 0
    keep_best = evaluate and settings.patience > 0
    save_every = settings.eval_every if keep_best else settings.save_every
    return TrainingArguments(
        output_dir=str(checkpoints),
        max_steps=settings.max_steps,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=settings.batch_size,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.lr,
        warmup_steps=round(settings.warmup * settings.max_steps),
        lr_scheduler_type="cosine",
        weight_decay=settings.weight_decay,
        optim="adamw_torch_fused",
        bf16=use_bf16(settings.precision),
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
        prediction_loss_only=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
    )


def use_bf16(precision: Precision) -> bool:
    """bf16 where the hardware multiplies it; emulated, it is a hundred times slower than fp32."""
    if precision != "auto":
        return precision == "bf16"
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
