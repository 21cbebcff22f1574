"""Error propagation: the corruptions, what counts as displaced, and differences over seeds."""

from collections.abc import Sequence

import numpy as np
import pytest

from genret.tokenizer.judging.propagation import (
    CORRUPTIONS,
    Propagation,
    corrupt,
    corrupted,
    difference,
    displaced,
    format_propagation,
    main_prefixes,
)


def test_corruptions() -> None:
    texts = ["Tomato Soup 12 oz", "Diet Cola", "Rice"]
    assert corrupt(texts, "truncated") == ["Tomato", "Diet", "Rice"]
    assert all(
        text.startswith(first)
        for text, first in zip(corrupt(texts, "boilerplate"), ["Tomato", "Diet", "Rice"], strict=True)
    )
    swapped = corrupt(texts, "swapped")
    assert sorted(swapped) == sorted(texts)
    assert all(a != b for a, b in zip(swapped, texts, strict=True))
    assert not set(corrupt(texts, "foreign")) & set(texts)
    assert corrupt(["alone"], "swapped") == ["alone"]


def test_a_share_is_corrupted_and_what_is_kept_stays() -> None:
    seen: list[str] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        seen.extend(texts)
        return np.zeros((len(texts), 2), np.float32)

    bad = corrupted([f"soup {i} oz" for i in range(20)], ["shelf"] * 10 + [""] * 10, encode, share=0.5, seed=1)
    assert len(bad.rows) == len(set(bad.rows)) == 10
    assert list(bad.vectors) == ["none", *CORRUPTIONS]
    assert seen[:10] == [f"soup {row} oz{'. shelf' if row < 10 else ''}" for row in bad.rows]
    assert len(corrupted(["a", "b"], ["", ""], encode, share=0.01).rows) == 1


def test_main_prefixes_are_the_fewest_that_hold_most() -> None:
    leaf = np.array([0] * 10 + [1] * 4 + [-1])
    prefix = np.array([5] * 6 + [6] * 2 + [7, 8] + [5] * 4 + [9])
    assert main_prefixes(prefix, leaf) == {(0, 5), (0, 6), (1, 5)}


def test_displacement_by_hand() -> None:
    codes = np.array([[0, 0]] * 4 + [[1, 1]] * 4)
    categories = [("a",)] * 4 + [("b",)] * 4
    rows = np.array([0, 1, 4])
    moved = np.array([[0, 0], [1, 1], [1, 0]])
    assert displaced(codes, moved, rows, categories) == pytest.approx((1 / 3, 2 / 3))


def test_difference_by_hand() -> None:
    """t = 4.3027 at two degrees of freedom; the standard error of 1, 2, 3 is 1 / sqrt(3)."""
    change = difference([1, 2, 3])
    assert change == pytest.approx((2, 2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)
    assert change.verdict == "no difference beyond the seeds' variation"
    assert difference([0.1, 0.3]) == pytest.approx((0.2, 0.1, 0.3))  # too few for an interval: the range
    assert difference([0.1, 0.3]).verdict == "more displaced"
    assert difference([-0.1, -0.11, -0.12]).verdict == "fewer displaced"
    assert difference([0, 0, 0]).verdict == "no difference beyond the seeds' variation"


def test_comparison_by_hand() -> None:
    def shares(l1: float, l2: float) -> dict[str, tuple[float, ...]]:
        return {kind: (0.0, 0.0) if kind == "none" else (l1, l2) for kind in ("none", *CORRUPTIONS)}

    seeds = [(shares(0.5, 0.8), shares(0.3, 0.7)), (shares(0.6, 0.8), shares(0.3, 0.9))]
    found = Propagation.of(0.1, seeds)
    assert found.overall()[0] == pytest.approx((-0.25, -0.3, -0.2))
    assert [change.verdict for change in found.overall()] == [
        "fewer displaced",
        "no difference beyond the seeds' variation",
    ]
    value = found.to_json()
    assert value["displaced"]["0"]["swapped"] == pytest.approx([0.55, 0.8])
    assert value["by_seed"]["0.1"]["swapped"][1] == pytest.approx([0.3, 0.9])
    assert value["overall"][0]["verdict"] == "fewer displaced"
    text = format_propagation(found)
    assert "[range of 2 seeds]" in text
    assert "L1: -25.0 [-30.0, -20.0], fewer displaced" in text
