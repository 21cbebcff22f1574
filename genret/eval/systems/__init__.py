"""The systems that an evaluation sets side by side."""
