"""An evaluation's two-tower is the run's own encoder, where both are made of the same pairs and settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tiny_shop import SETTINGS

from genret.data.records import load_dataset
from genret.embed.fine_tuned import tuned_encoder
from genret.embed.fine_tuning import is_tuned, make_recipe, two_tower_pairs
from genret.eval.systems.bench import Bench
from genret.eval.systems.encoders import two_tower_system
from genret.pipeline.folder import RunFolder


def test_the_two_tower_of_the_table_is_trained_once(whole: tuple[Path, int], shop: Path, tmp_path: Path) -> None:
    folder = RunFolder(whole[0])
    dataset, _ = load_dataset(whole[0] / "data")
    table = {name.split(".")[1]: value for name, value in SETTINGS.items() if name.startswith("two-tower.")}
    recipe = make_recipe({"base": str(shop / "encoder"), "fields": ("title",), **table})
    pairs, encoder = two_tower_pairs(dataset, recipe), tuned_encoder(folder.artifact("embeddings"))
    assert is_tuned(encoder, pairs, recipe.train)
    assert not is_tuned(encoder, [pairs[0]._replace(text="other"), *pairs[1:]], recipe.train)
    assert not is_tuned(encoder, pairs, replace(recipe.train, seed=1))

    bench = Bench(dataset, dataset.split_queries("train")[:3], folder=folder)
    two_tower_system("two-tower", recipe, tmp_path)(bench)
    assert not (tmp_path / "two-tower-model").exists()
    other = replace(recipe, train=replace(recipe.train, seed=1))
    two_tower_system("two-tower", other, tmp_path)(bench)
    assert (tmp_path / "two-tower-model").exists()
