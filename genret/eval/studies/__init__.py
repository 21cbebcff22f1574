"""Questions asked of runs and systems: substitutes, contrast, cold start, failures, cost, invented IDs."""
