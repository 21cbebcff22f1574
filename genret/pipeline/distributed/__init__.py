"""A run made by several processes or machines over Ray: `genret build --ray ADDRESS|local`.

`engine.py` is all that knows Ray; `blocks.py`, `encoding.py`, `codes.py` and `shards.py` say what is done to a part of
a catalogue, in plain functions over files; `stages.py` puts them together into a run's stages. What is made is, byte
for byte, what one process makes with the same settings.
"""
