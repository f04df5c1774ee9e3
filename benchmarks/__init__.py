"""Where the figures in RESULTS.md come from."""
