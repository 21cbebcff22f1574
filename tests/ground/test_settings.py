"""Settings: defaults < preset < overrides < flags, with types checked and unknown names refused."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from genret.ground.errors import GenretError
from genret.ground.settings import check_range, make_settings, read_preset, settings_dict


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


def test_a_list_of_numbers_fills_a_text_as_if_written_with_commas() -> None:
    assert make_settings(Oven, {"name": (8, 4, 2, 1)}).name == "8,4,2,1"
    assert make_settings(Oven, {"name": [0.5, 1e-5]}).name == "0.5,1e-05"


def test_level_weights_are_set_as_documented_and_as_a_list(tmp_path: Path) -> None:
    from genret.cli.options import Layers
    from genret.tokenizer.settings import TokenizerSettings

    preset = tmp_path / "p.toml"
    preset.write_text("[tokenizer]\nschedule = [8, 4, 2, 1]\ncodebook_sizes = [512, 256, 128, 64]\n")
    flags = ["tokenizer.schedule=8,4,2,1", "tokenizer.codebook_sizes=512,256,128,64"]
    for layers in Layers({}, flags), Layers(read_preset(preset), []), Layers({}, ["tokenizer.schedule=[8,4,2,1]"]):
        settings = layers.make(TokenizerSettings, "tokenizer")
        assert settings.schedule == "8,4,2,1"
        assert settings.level_weights == pytest.approx((32 / 15, 16 / 15, 8 / 15, 4 / 15))
    assert layers.make(TokenizerSettings, "tokenizer", {"codebook_sizes": (512, 256, 128, 64)}).levels == 4


def test_numbers_out_of_range_are_named() -> None:
    check_range("share", 1, 0, 1, above=True)
    with pytest.raises(GenretError, match="share=0; expected a number above 0 and at most 1"):
        check_range("share", 0, 0, 1, above=True)
    with pytest.raises(GenretError, match="seeds=1; expected a number of at least 2"):
        check_range("seeds", 1, 2)
    for value in (math.nan, math.inf):
        with pytest.raises(GenretError, match="expected a number"):
            check_range("budget", value, 0)


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
        ({"name": []}, "name=[]: expected str"),
        ({"name": ["big"]}, "name=['big']: expected str"),
        ({"name": [True]}, "name=[True]: expected str"),
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
    (tmp_path / "c.json").write_text("[1]")
    with pytest.raises(GenretError, match=r"c\.json: holds a list, expected a table"):
        read_preset(tmp_path / "c.json")
    with pytest.raises(GenretError, match="settings for Oven: got 3, expected a table"):
        make_settings(Oven, 3)  # type: ignore[arg-type]
