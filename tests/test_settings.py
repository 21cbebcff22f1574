"""Settings: defaults < preset < overrides < flags, with types checked and unknown names refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from genret.errors import GenretError
from genret.settings import make_settings, read_preset, settings_dict


@dataclass(frozen=True)
class Oven:
    degrees: float = 180.0
    racks: tuple[int, ...] = (1, 2)
    mode: Literal["fan", "grill"] = "fan"
    name: str | None = None
    steps: int = 3
    light: bool = True


def test_later_layers_win_and_none_is_unset() -> None:
    oven = make_settings(Oven, {"degrees": 200, "steps": 4}, {"steps": 5}, {"steps": None, "name": "big"})
    assert oven == Oven(degrees=200.0, steps=5, name="big")
    assert isinstance(oven.degrees, float)


def test_a_list_or_a_lone_value_fills_a_tuple() -> None:
    assert make_settings(Oven, {"racks": [3, 4]}).racks == (3, 4)
    assert make_settings(Oven, {"racks": 7}).racks == (7,)


def test_settings_survive_their_json_form() -> None:
    oven = Oven(racks=(9,), mode="grill")
    assert settings_dict(oven)["racks"] == [9]
    assert make_settings(Oven, settings_dict(oven)) == oven


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"degree": 1}, "unknown setting 'degree' for Oven; known: degrees"),
        ({"degrees": "hot"}, "degrees='hot': expected float"),
        ({"steps": 1.5}, "steps=1.5: expected int"),
        ({"steps": True}, "steps=True: expected int"),
        ({"mode": "boil"}, "mode='boil': expected 'fan', 'grill'"),
        ({"racks": [1, "x"]}, "racks='x': expected int"),
        ({"name": 3}, "name=3: expected str"),
        ({"light": 1}, "light=1: expected bool"),
    ],
)
def test_what_does_not_fit_is_named(values: dict[str, Any], says: str) -> None:
    with pytest.raises(GenretError) as error:
        make_settings(Oven, values)
    assert says in str(error.value)


def test_presets_are_toml_or_json(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[oven]\nsteps = 2\nracks = [1]\n")
    (tmp_path / "a.json").write_text('{"oven": {"steps": 2, "racks": [1]}}')
    assert read_preset(tmp_path / "a.toml") == read_preset(tmp_path / "a.json") == {"oven": {"steps": 2, "racks": [1]}}
    (tmp_path / "b.toml").write_text("[oven\n")
    with pytest.raises(GenretError, match=r"b\.toml: not a valid toml preset"):
        read_preset(tmp_path / "b.toml")
