"""A trained model is a Hugging Face folder: a card that the hub reads, and safetensors alone."""

from __future__ import annotations

from pathlib import Path

import torch
from huggingface_hub import ModelCard

from genret.model.seq2seq import GenretForConditionalGeneration


def test_the_folder_has_a_card_and_safetensors_alone(built_run: Path) -> None:
    folder = built_run / "model" / "model"
    card = ModelCard.load(folder / "README.md")
    assert card.data.library_name == "genret"
    assert "16 x 16 x 16 x 16" in card.text
    assert "| train.max_steps | `60` |" in card.text
    kinds = {path.suffix for path in folder.iterdir()}
    assert ".safetensors" in kinds
    assert not kinds & {".bin", ".pt", ".pth", ".pkl", ".ckpt"}


def test_what_is_loaded_from_it_is_saved_again_the_same(built_run: Path, tmp_path: Path) -> None:
    model = GenretForConditionalGeneration.from_pretrained(built_run / "model" / "model")
    model.save_pretrained(tmp_path / "copy")
    copy = GenretForConditionalGeneration.from_pretrained(tmp_path / "copy")
    assert callable(copy.push_to_hub)
    for (name, before), (_, after) in zip(model.state_dict().items(), copy.state_dict().items(), strict=True):
        assert torch.equal(before, after), name
