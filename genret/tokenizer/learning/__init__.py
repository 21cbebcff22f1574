"""How a tokenizer is trained: losses, sampler, objectives, starts, and the loop."""
