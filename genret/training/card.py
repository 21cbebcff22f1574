"""The model card of a trained model's Hugging Face folder: what it is, what made it, how it is loaded."""

from __future__ import annotations

from genret.ground.settings import settings_dict
from genret.training.settings import ModelSettings, TrainSettings

CARD = """---
library_name: genret
pipeline_tag: feature-extraction
tags:
- generative-retrieval
- semantic-id
---

# A genret model

It spells the semantic IDs of one catalogue's products from a shopper's query, codebooks {codebooks}, and is of use
beside the index of that catalogue only. It knows no other product. `genret eval RUN` says what it is worth.

```python
from genret.model.seq2seq import GenretForConditionalGeneration

model = GenretForConditionalGeneration.from_pretrained("this folder")
```

A run folder is searched with `genret.Retriever.load(run)`; these weights are its `model/model`. They are safetensors.

## What made it

| setting | value |
|---|---|
{rows}
"""


def model_card(codebooks: tuple[int, ...], model: ModelSettings, train: TrainSettings) -> str:
    """The card as Markdown, with the front matter that the hub reads. It says nothing of where the data came from."""
    settings = {"model": settings_dict(model), "train": settings_dict(train)}
    rows = [f"| {part}.{name} | `{value}` |" for part, all_ in settings.items() for name, value in all_.items()]
    hidden = ("| model.encoder |", "| train.withhold |")  # a path, and ids of products
    return CARD.format(
        codebooks=" x ".join(map(str, codebooks)), rows="\n".join(row for row in rows if not row.startswith(hidden))
    )
