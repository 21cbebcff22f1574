"""Product embeddings -> semantic IDs: quantizer, RQ-VAE, losses, sampler, training, assignment, health."""
