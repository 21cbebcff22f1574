"""What the model practises on: queries of the log and pseudo-queries, each with the products that are right for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from genret.data.pseudo_queries import make_pseudo_queries
from genret.data.records import Dataset
from genret.embed.subwords import tokenize
from genret.ground.arrays import Floats, Ints
from genret.ground.errors import GenretError
from genret.ground.types import Split
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.training.examples import Examples, join
from genret.training.settings import ModelSettings, TrainSettings
from genret.training.teacher import LexicalTeacher, Neighbours

SCORES = 1 << 26
"""Queries times products that are scored at once."""


class OwnTeacher:
    """The untrained dense start as a teacher of itself: the products nearest to a query's embedding."""

    def __init__(self, model: GenretForConditionalGeneration, vectors: Floats, settings: TrainSettings) -> None:
        self.model, self.vectors, self.settings = model, torch.from_numpy(np.asarray(vectors)), settings

    @torch.no_grad()
    def beside(self, examples: Examples, rows: Ints) -> Examples:
        """The same examples, `own_share` of each one's target moved to its nearest products among `rows`."""
        share, scale = self.settings.own_share, self.model.config.query_scale
        places, vectors = torch.from_numpy(rows), self.vectors[torch.from_numpy(rows)]
        batch = max(1, min(256, SCORES // max(1, len(rows))))
        lists: list[list[tuple[int, float]]] = []
        for start in range(0, len(examples), batch):
            lengths = examples.lengths[start : start + batch]
            tokens = torch.from_numpy(examples.tokens[start : start + batch, : lengths.max()].astype(np.int64))
            mask = torch.from_numpy((np.arange(tokens.shape[1]) < lengths[:, None]).astype(np.int64))
            query = self.model.encoder(tokens, mask).pooler_output
            assert query is not None, "a model with a dense start pools its query"
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


def newer_examples(newer: Examples, older: Examples, replay: float) -> Examples:
    """The pairs of a newer log beside what was practised before, of which the practice has the share `replay`."""
    if not len(newer):
        raise GenretError("nothing to learn: the newer log has no query with a relevant product to train on")
    parts = [(newer, 1 - replay), (older, replay)]
    return join([_shared(part, share) for part, share in parts if share > 0])


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
    visits = train.max_steps * train.batch_size * train.accumulate  # more than there are visits are never practised
    count = min(round(len(rows) * train.pseudo_per_product), visits)
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
