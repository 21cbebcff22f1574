"""What a tokenizer is worth: health, coherence, audit, propagation, tuning."""
