"""The depth study: what stacking layers does, on the user's own reviews, with intervals and tests."""
