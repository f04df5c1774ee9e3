"""The configured network on many splits of few reviews, beside its baselines; chooses nothing."""
