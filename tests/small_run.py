"""Settings of the small run that the tests of everything downstream share."""

from __future__ import annotations

from typing import Any

SMALL: dict[str, dict[str, Any]] = {
    "grocery": {"products": 600, "train_queries": 600, "dev_queries": 60, "test_queries": 80},
    "embed": {"model": "lsa", "dim": 32},
    # "bucket", as it is made, so that products share IDs
    "tokenizer": {
        "codebook_sizes": (16, 16, 16, 16),
        "steps": 150,
        "batch_size": 128,
        "collisions": "bucket",
        "max_collisions": 1.0,
    },
    "model": {"d_model": 64, "ffn": 128, "text_vocab": 2048},
    "train": {"max_steps": 60, "batch_size": 64, "lr": 5e-3},
}
