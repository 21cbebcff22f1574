"""Models with random weights that know some random IDs, for tests of the ways to decode them."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import strategies as st

from genret.model.seq2seq import GenretConfig, GenretForConditionalGeneration, Pooling
from genret.model.values import PrefixValues
from genret.search.beam import BeamResult
from genret.search.trie import Trie

WIDTH, TEXT = 8, 30
ATOL = 1e-4
"""Nats; the two ways differ by rounding, some 1e-6."""
shapes = st.fixed_dictionaries(
    {
        "sizes": st.sampled_from([(4, 3, 5), (3, 3, 3, 3), (6,), (2, 9)]),
        "count": st.integers(1, 60),
        "seed": st.integers(0, 10_000),
        "layers": st.integers(1, 2),
        "look_below": st.sampled_from([0, 2, 1000]),
        "trained": st.booleans(),
        "pooling": st.sampled_from(["bag", "encoder", "both"]),
    }
)


def made(
    sizes: tuple[int, ...],
    count: int,
    seed: int,
    layers: int = 1,
    look_below: int = 2,
    trained: bool = True,
    pooling: Pooling = "bag",
) -> tuple[GenretForConditionalGeneration, Trie]:
    """A model with random weights that knows some random IDs, and their trie."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, size, count) for size in sizes], 1)
    known = torch.from_numpy(codes)
    text = {"vocab_size": TEXT, "hidden_size": 8, "num_hidden_layers": 0, "max_position_embeddings": 16}
    config = GenretConfig(
        {**text, "num_attention_heads": 2, "type_vocab_size": 1},
        sizes,
        d_model=16,
        layers=layers,
        heads=2,
        ffn=16,
        d_code=2 * WIDTH if pooling == "both" else WIDTH,
        pooling=pooling,
        prefixes=PrefixValues.counts(known),
        look_below=look_below,
    )
    model = GenretForConditionalGeneration(config)
    model.eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(std=0.4)
            if name.endswith("correction.weight") and not trained:
                parameter.zero_()
    assert model.decoder.prefixes is not None
    model.decoder.prefixes.fill(known)
    return model, Trie.build(codes, sizes).trie


def assert_same(alone: BeamResult, wanted: BeamResult) -> None:
    np.testing.assert_allclose(alone.scores, wanted.scores, atol=ATOL, rtol=0)
    np.testing.assert_allclose(alone.bound, wanted.bound, atol=ATOL, rtol=0)
    filled = np.nan_to_num(wanted.scores, neginf=-1e9)
    clear = np.abs(np.diff(filled, axis=1, append=-2e9, prepend=1e9)) > 2 * ATOL
    clear = clear[:, :-1] & clear[:, 1:]  # hits that rounding cannot swap with another one
    np.testing.assert_array_equal(alone.positions[clear], wanted.positions[clear])
