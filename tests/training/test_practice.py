"""What a training practises on and where it starts: soft targets, schedules, the dense start, the tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from taught_shop import CODES, MODEL, SIZES, TRAIN, VECTORS, same, shop, train

from genret.embed.bag import bag_of_vectors
from genret.embed.subwords import load_text_tokenizer, tokenize, train_text_tokenizer
from genret.ground.errors import GenretError
from genret.model.dense_start import additive_codebooks, centred_codebooks
from genret.search.vocab import Vocab
from genret.training.examples import Collator, Examples, Schedule, Visit, join
from genret.training.practice import OwnTeacher, log_examples, make_examples
from genret.training.settings import TrainSettings
from genret.training.teacher import Neighbours

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
def test_targets_are_the_exact_marginals_given_the_paths_prefix(
    lists: list[list[tuple[int, float]]], seed: int
) -> None:
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


def test_a_batch_is_as_wide_as_its_longest_text() -> None:
    examples = examples_of([[(0, 1.0)], [(1, 1.0)], [(2, 1.0)]])
    batch = Collator(examples, CODES, Vocab(SIZES))([Visit(0, 0), Visit(1, 1)])
    assert batch["input_ids"].shape == (2, 2)
    assert batch["attention_mask"].tolist() == [[1, 0], [1, 1]]


def test_joined_examples_keep_their_right_products() -> None:
    one, two = examples_of([[(0, 1.0), (1, 2.0)], [(2, 1.0)]]), examples_of([[(5, 1.0)], [(6, 3.0), (7, 1.0)]])
    both = join([one, two])
    lists = [both.right.rows[a:b].tolist() for a, b in zip(both.right.starts[:-1], both.right.starts[1:], strict=True)]
    assert lists == [[0, 1], [2], [5], [6, 7]]


def test_schedule_visits_in_proportion_and_paths_by_weight() -> None:
    examples = examples_of([[(0, 1.0), (1, 3.0)], [(2, 1.0)], [(3, 1.0)]])
    schedule = Schedule(examples, np.asarray([2.0, 1.0, 0.0], np.float32), 3000, 10, seed=1)
    assert np.bincount(schedule.examples, minlength=3).tolist() == [2000, 1000, 0]
    paths = np.bincount(schedule.paths, minlength=4)
    assert abs(paths[1] / 2000 - 0.75) < 0.05
    assert (schedule.paths[schedule.examples == 1] == 2).all()


def test_schedule_depends_on_the_seed_alone_and_batches_like_lengths() -> None:
    examples = examples_of([[(0, 1.0)]] * 300)
    first, again, other = (Schedule(examples, examples.share, 300, 10, seed) for seed in (1, 1, 2))
    assert [first[i] for i in range(300)] == [again[i] for i in range(300)]
    assert first.examples.tolist() != other.examples.tolist()
    assert sorted(first.examples.tolist()) == list(range(300))
    widths = examples.lengths[first.examples].reshape(30, 10)
    assert (widths == widths[:, :1]).all()


def test_log_examples_weigh_products_by_grade_and_queries_by_frequency() -> None:
    dataset = shop()
    text_tokenizer = train_text_tokenizer(["cola acme"], 60, 8)
    examples = log_examples(dataset, "train", text_tokenizer, MODEL, TRAIN)
    assert len(examples) == 30
    assert examples.share.tolist() == [2.0] * 24 + [1.0] * 6
    head = slice(int(examples.right.starts[24]), int(examples.right.starts[25]))  # "cola"; acme-rice is graded 0
    assert examples.right.rows[head].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(examples.right.weights[head], [0.4, 0.2, 0.2, 0.2])


def test_withheld_products_are_in_no_example() -> None:
    dataset = shop()
    withheld = ("acme-cola", "fair-rice")
    text_tokenizer = train_text_tokenizer(["cola acme"], 60, 8)
    options = TrainSettings(**{**TRAIN.__dict__, "withhold": withheld})
    rows = {dataset.catalogue.row(product) for product in withheld}
    assert not rows & set(make_examples(dataset, text_tokenizer, MODEL, options).right.rows.tolist())
    assert rows < set(make_examples(dataset, text_tokenizer, MODEL, TRAIN).right.rows.tolist())


def test_own_share_moves_a_target_to_what_the_start_finds_nearest(tmp_path: Path) -> None:
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
        own: dict[int, float] = {}
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


def test_no_steps_leave_the_start_as_it_is(tmp_path: Path) -> None:
    once, again = train(tmp_path / "a", max_steps=0), train(tmp_path / "b", max_steps=0)
    assert same(once, again)
    assert not same(once, train(tmp_path / "c", max_steps=1))


# --- the dense start ---


def test_additive_codebooks_rebuild_what_is_additive() -> None:
    rng = np.random.default_rng(0)
    books = [rng.normal(size=(size, 5)).astype(np.float32) for size in SIZES]
    vectors = books[0][CODES[:, 0]] + books[1][CODES[:, 1]]
    fitted = additive_codebooks(CODES, vectors, SIZES)
    np.testing.assert_allclose(fitted[0][CODES[:, 0]] + fitted[1][CODES[:, 1]], vectors, atol=1e-4)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_centred_start_sums_to_the_centroid_of_every_prefix(seed: int) -> None:
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


def test_bag_of_vectors_finds_the_token_vectors_behind_sums() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(12, 4))
    tokens, lengths = rng.integers(0, 12, (300, 5)).astype(np.int32), rng.integers(1, 6, 300)
    vectors = np.stack([truth[row[:n]].sum(0) / n**0.5 for row, n in zip(tokens, lengths, strict=True)])
    np.testing.assert_allclose(bag_of_vectors(tokens, lengths, vectors, 12, ridge=1e-6), truth, atol=1e-3)


# --- the text tokenizer ---


def test_text_tokenizer_reads_units_alike_and_never_returns_nothing() -> None:
    tokenizer = train_text_tokenizer(["Sauce 16 oz jar", "café au lait 2.5 l"] * 3, 200, 8)
    assert tokenizer.tokenize("16oz SAUCE") == tokenizer.tokenize("16 oz sauce")
    assert tokenizer.tokenize("Cafe") == tokenizer.tokenize("café")
    tokens, lengths = tokenize(tokenizer, ["", "??", "sauce jar oz au lait 16 sauce sauce sauce"], 6)
    assert lengths.tolist() == [1, 1, 6]
    assert (tokens[:, 0] == tokenizer.cls_token_id).all()
    assert (tokens[0, 1:] == tokenizer.pad_token_id).all()


def test_text_tokenizer_is_the_same_for_the_same_texts() -> None:
    texts = [product.title for product in shop().catalogue]
    one, two = (train_text_tokenizer(texts, 70, 8).backend_tokenizer.to_str() for _ in range(2))
    assert one == two


def test_a_missing_checkpoint_is_one_clear_error() -> None:
    with pytest.raises(GenretError, match="cannot load the tokenizer of '/no/such/folder'"):
        load_text_tokenizer("/no/such/folder")
