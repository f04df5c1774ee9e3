"""A DVC pipeline that tunes, trains, evaluates and registers stacked recurrent networks."""
