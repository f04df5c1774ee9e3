"""A DVC pipeline that tunes, trains, evaluates and registers stacked recurrent networks."""

__version__ = "0.2.0"
