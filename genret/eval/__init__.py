"""Runs, measures, baselines, the substitutes check, comparison and the report."""
