"""Shares as people read them."""

import pytest

from genret.ground.percent import change, percent


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0.0 %"), (1e-9, "< 0.1 %"), (0.0004, "< 0.1 %"), (0.125, "12.5 %"), (0.9999, "> 99.9 %"), (1, "100.0 %")],
)
def test_a_share_that_is_not_zero_never_prints_as_zero(share: float, said: str) -> None:
    assert percent(share) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "+0.0 %"),
        (0.125, "+12.5 %"),
        (-0.03, "-3.0 %"),
        (0.0004, "+0.04 %"),
        (-0.00001, "-0.001 %"),
        (-0.0, "+0.0 %"),
    ],
)
def test_a_change_that_is_not_zero_keeps_its_sign_and_first_digit(share: float, said: str) -> None:
    assert change(share) == said
