"""The fine-tuned two-tower: one sentence encoder, trained on (query, product text) pairs with in-batch negatives. It is
a baseline of the evaluation, and an embedder to make semantic IDs from.

The loop is plain so that it resumes exactly: what a step sees depends on (seed, step) only, and a checkpoint holds
weights and moments as safetensors. Products that are known to answer a query never count as its negatives.
"""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from genret.data.product_text import product_text
from genret.data.records import Dataset
from genret.ground.artifacts import read_json, write_json
from genret.ground.errors import GenretError, require
from genret.ground.files import whole_folder
from genret.ground.hardware import choose_device
from genret.ground.pretrained import model_folder
from genret.ground.progress import no_library_bars
from genret.ground.progress import progress as telling
from genret.ground.ranks import agreed, gathered, is_main, main_alone, share_of, sum_gradients, wait
from genret.ground.settings import check_ranges, make_settings, settings_dict
from genret.ground.types import Judgement, Split

CHUNK = 32
"""Texts that go through the encoder together."""
MADE_OF = "two_tower.json"
"""The file that says which pairs and settings an encoder was trained with."""


class Pair(NamedTuple):
    """A query and a product that answers it. `weight` scales its loss, e.g. by the grade."""

    query_id: str
    product_id: str
    query: str
    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class TwoTowerSettings:
    """How to fine-tune. `base` is a sentence-transformers model: hub name, folder, or `package:PKG/FOLDER`."""

    base: str = "sentence-transformers/all-MiniLM-L6-v2"
    epochs: int = 2
    batch_size: int = 128
    learning_rate: float = 1e-4
    warmup: float = 0.1
    """Share of the steps over which the learning rate rises; it falls linearly to 0 afterwards."""
    weight_decay: float = 0.01
    temperature: float = 0.05
    max_tokens: int = 48
    dropout: float = 0.0
    """0 also lets attention take its fast path on a CPU; a run of one or two epochs does not need more."""
    seed: int = 0
    checkpoint_every: int = 50

    def __post_init__(self) -> None:
        check_ranges(self, "epochs batch_size max_tokens checkpoint_every", 1, section="two-tower")
        check_ranges(self, "temperature learning_rate", 0, above=True, section="two-tower")
        check_ranges(self, "warmup", 0, 1, below=True, section="two-tower")


@dataclass(frozen=True)
class TwoTowerRecipe:
    """What the two-tower is trained on, and how."""

    train: TwoTowerSettings = field(default_factory=TwoTowerSettings)
    split: Split = "train"
    positive_at: float | None = None
    """Grades from here on make a training pair; by default the data set's own threshold of relevance."""
    fields: tuple[str, ...] = ("title",)
    bag_share: float = 0.0
    """As an embedder: how much of a cosine comes from bag-of-tokens towers (`genret.embed.towers`), trained on the same
    log and laid beside the encoder. They remember what an encoder blurs: brands, model numbers, sizes. 0 for none."""
    bag_dim: int = 256
    bag_steps: int = 450

    def __post_init__(self) -> None:
        check_ranges(self, "bag_share", 0, 1, below=True, section="two-tower")
        check_ranges(self, "bag_dim bag_steps", 1, section="two-tower")


OWN = ("split", "positive_at", "fields", "bag_share", "bag_dim", "bag_steps")
"""Settings of the recipe, where a table has them beside those of the training."""


def make_recipe(table: Mapping[str, Any]) -> TwoTowerRecipe:
    """The recipe of a preset's table: its own settings and those of the training, side by side."""
    settings = dict(table)
    own: dict[str, Any] = {name: settings.pop(name) for name in OWN if name in settings}
    train = make_settings(TwoTowerSettings, settings)
    return make_settings(TwoTowerRecipe, own, {"train": train})


def two_tower_pairs(dataset: Dataset, recipe: TwoTowerRecipe) -> list[Pair]:
    """The training pairs of the recipe's split; a GenretError if there are none."""
    texts = {query.id: query.text for query in dataset.split_queries(recipe.split)}
    products = {product.id: product_text(product, recipe.fields) for product in dataset.catalogue}
    threshold = dataset.relevant_at if recipe.positive_at is None else recipe.positive_at
    judgements = [j for j in dataset.split_judgements(recipe.split) if j.product_id in products]
    pairs = training_pairs(judgements, texts, products, threshold, dataset.irrelevant_grade)
    if not pairs:
        raise GenretError(
            f"data set {dataset.name!r} has no pair graded {threshold:g} or more in its {recipe.split} split to train "
            "a two-tower on; leave the two-tower out"
        )
    return pairs


def training_pairs(
    judgements: Iterable[Judgement],
    query_texts: dict[str, str],
    product_texts: dict[str, str],
    relevant_at: float,
    irrelevant_grade: float,
) -> list[Pair]:
    """One Pair per judgement graded at least `relevant_at`, in order, weighted by its share of the highest gain."""
    chosen = [j for j in judgements if j.grade >= relevant_at and j.query_id in query_texts]
    top = max((j.grade - irrelevant_grade for j in chosen), default=1.0) or 1.0
    return [
        Pair(j.query_id, j.product_id, query_texts[j.query_id], product_texts[j.product_id], w)
        for j in chosen
        if (w := max(0.0, (j.grade - irrelevant_grade) / top)) > 0
    ]


def train_two_tower(pairs: Sequence[Pair], settings: TwoTowerSettings, out: str | Path, progress: bool = True) -> Path:
    """Fine-tune the encoder on `pairs` and save it as a sentence-transformers folder at `out`; returns `out`.

    A run that was cut off goes on from `out`.checkpoint; a finished one with the same settings is left as it is. The
    ranks of a `torchrun` encode a part of each batch each, and one writes.
    """
    out, checkpoint = Path(out), Path(f"{out}.checkpoint")
    if len({pair.product_id for pair in pairs}) < 2:
        raise GenretError(f"a two-tower needs pairs of at least 2 products to have negatives, got {len(pairs)} pairs")
    recipe = _recipe(pairs, settings)
    if agreed(lambda: is_tuned(out, pairs, settings)):
        return out
    model = _load(settings)
    trainer = _Trainer(model, pairs, settings)
    start = trainer.resume(checkpoint, recipe)
    wait()
    with telling("two-tower", trainer.steps, stage="embed", first=start, shown=progress) as bar:
        for step in range(start, trainer.steps):
            loss = trainer.step(step)
            if not math.isfinite(loss):
                raise GenretError(f"the loss is {loss} at step {step}; lower learning_rate={settings.learning_rate}")
            if (step + 1) % settings.checkpoint_every == 0 and step + 1 < trainer.steps and is_main():
                trainer.save(checkpoint, step + 1, recipe)
            bar.at(step + 1)
    main_alone(lambda: _finish(model, out, checkpoint, recipe))
    return out


def is_tuned(folder: Path, pairs: Sequence[Pair], settings: TwoTowerSettings) -> bool:
    """Whether the encoder in `folder` is the one that `train_two_tower` would make of these pairs."""
    return (folder / MADE_OF).exists() and bool(read_json(folder / MADE_OF) == _recipe(pairs, settings))


def _recipe(pairs: Sequence[Pair], settings: TwoTowerSettings) -> dict[str, Any]:
    """What the encoder depends on."""
    digest = hashlib.sha256(repr(list(pairs)).encode()).hexdigest()
    return {**settings_dict(settings), "pairs": len(pairs), "pairs_sha256": digest}


def _finish(model: Any, out: Path, checkpoint: Path, recipe: dict[str, Any]) -> None:
    """The encoder's folder; MADE_OF, the last file of it, says that it is whole."""
    (out / MADE_OF).unlink(missing_ok=True)
    model.save(str(out), create_model_card=False)
    write_json(out / MADE_OF, recipe)
    shutil.rmtree(checkpoint, ignore_errors=True)


def in_batch_loss(queries: Tensor, products: Tensor, known: Tensor, weights: Tensor, temperature: float) -> Tensor:
    """Weighted mean cross-entropy, both ways, of finding each row's own partner in the batch.

    queries, products (B, D) unit rows; known (B, B) bool, True where product j is known to answer query i: those
    count neither as negatives nor, off the diagonal, as targets. weights (B,). (Contrastive loss with in-batch
    negatives, Henderson et al. 2017, symmetric as in CLIP.)
    """
    logits = queries @ products.T / temperature  # (B, B)
    excluded = known & ~torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    logits = logits.masked_fill(excluded, float("-inf"))
    target = torch.arange(len(logits), device=logits.device)
    forward = torch.nn.functional.cross_entropy(logits, target, reduction="none")  # (B,)
    backward = torch.nn.functional.cross_entropy(logits.T, target, reduction="none")
    return ((forward + backward) / 2 * weights).sum() / weights.sum()


def _load(settings: TwoTowerSettings) -> Any:
    st = require("sentence_transformers", "embed")
    with no_library_bars():
        model = st.SentenceTransformer(model_folder(settings.base), device=choose_device())
    model.max_seq_length = settings.max_tokens
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = settings.dropout
    return model


class _Trainer:
    """The model, its optimizer and the order of the pairs: all that a step needs, all of it a function of the seed.

    In a `torchrun` a rank encodes its part of the batch; each has the loss of the whole, and gradients are summed.
    """

    def __init__(self, model: Any, pairs: Sequence[Pair], settings: TwoTowerSettings) -> None:
        self.model, self.pairs, self.settings = model, pairs, settings
        self.per_epoch = max(1, len(pairs) // settings.batch_size)
        self.steps = self.per_epoch * settings.epochs
        self.known = {(pair.query_id, pair.product_id) for pair in pairs}
        self.parameters = dict(model.named_parameters())
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )

    def batch(self, step: int) -> list[Pair]:
        """The pairs of a step: each epoch is its own seeded shuffle."""
        epoch, place = divmod(step, self.per_epoch)
        order = np.random.default_rng((self.settings.seed, epoch)).permutation(len(self.pairs))
        size = self.settings.batch_size
        return [self.pairs[i] for i in order[place * size : (place + 1) * size]]

    def step(self, step: int) -> float:
        """One optimizer step; returns the loss."""
        torch.manual_seed(self.settings.seed * 1_000_003 + step)  # dropout, so that a resumed run draws the same
        self.model.train()
        batch = self.batch(step)
        queries = self._embed([pair.query for pair in batch])
        products = self._embed([pair.text for pair in batch])
        known = torch.tensor(
            [[(a.query_id, b.product_id) in self.known for b in batch] for a in batch], device=queries.device
        )
        weights = torch.tensor([pair.weight for pair in batch], device=queries.device)
        loss = in_batch_loss(queries, products, known, weights, self.settings.temperature)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        sum_gradients(self.parameters.values())
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * _schedule(step, self.steps, self.settings.warmup)
        self.optimizer.step()
        return float(loss.detach())

    def _embed(self, texts: list[str]) -> Tensor:
        """(B, D) unit rows, those of other ranks without gradients."""
        mine = share_of(len(texts))
        return gathered(self._encode(texts[mine]), len(texts))

    def _encode(self, texts: list[str]) -> Tensor:
        """(b, D) unit rows. Texts of like length go through together, which saves most of the padding."""
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        parts = []
        for start in range(0, len(order), CHUNK):
            features = self.model.preprocess([texts[i] for i in order[start : start + CHUNK]])
            features = {k: v.to(self.model.device) if isinstance(v, Tensor) else v for k, v in features.items()}
            parts.append(self.model(features)["sentence_embedding"])
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.nn.functional.normalize(torch.cat(parts)[back.to(parts[0].device)], dim=-1)

    def save(self, folder: Path, step: int, recipe: dict[str, Any]) -> None:
        """Write weights and moments under a temporary name, then rename."""
        tensors = {f"weight/{name}": p.detach().contiguous() for name, p in self.parameters.items()}
        for name, parameter in self.parameters.items():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                tensors[f"{key}/{name}"] = value
        with whole_folder(folder) as temporary:
            save_file(tensors, temporary / "state.safetensors")
            write_json(temporary / "progress.json", {"step": step, "recipe": recipe})

    def resume(self, folder: Path, recipe: dict[str, Any]) -> int:
        """The step to start from: 0, or where a checkpoint of the same recipe stopped."""
        if not (folder / "progress.json").exists():
            return 0
        progress = read_json(folder / "progress.json")
        if progress["recipe"] != recipe:
            return 0
        tensors = load_file(folder / "state.safetensors")
        for name, parameter in self.parameters.items():
            parameter.data.copy_(tensors[f"weight/{name}"])
            keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}/{name}" in tensors]
            if keys:
                self.optimizer.state[parameter] = {key: tensors[f"{key}/{name}"] for key in keys}
        return int(progress["step"])


def _schedule(step: int, steps: int, warmup: float) -> float:
    rise = max(1, int(steps * warmup))
    return (step + 1) / rise if step < rise else max(0.0, (steps - step) / max(1, steps - rise))
