"""The optimizer of section ``train`` and the course of its learning rate."""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
from keras import ops

from pipeline.params import TrainParams

Decay = Literal["constant", "cosine", "linear"]


class LearningRate(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from zero over the warm-up, then stays, or falls to zero by the last step.

    Args:
        peak: the rate after the warm-up.
        decay: constant, linear, or cosine (Loshchilov & Hutter, 2017, without restarts).
        steps: of the whole fit, the warm-up's included.
        warmup: share of the steps over which the rate rises.
    """

    def __init__(self, peak: float, decay: Decay, steps: int, warmup: float) -> None:
        self.peak, self.decay, self.steps, self.warmup = peak, decay, steps, warmup

    def __call__(self, step: Any) -> Any:
        rising = self.warmup * self.steps
        step = ops.cast(step, "float32")
        past = ops.clip((step - rising) / max(self.steps - rising, 1.0), 0.0, 1.0)
        match self.decay:
            case "linear":
                rate = self.peak * (1 - past)
            case "cosine":
                rate = self.peak * 0.5 * (1 + ops.cos(math.pi * past))
            case _:
                rate = self.peak + 0 * past
        return rate * ops.minimum(1.0, (step + 1) / rising) if rising >= 1 else rate

    def get_config(self) -> dict[str, Any]:
        """What a schedule like this one is made from."""
        return {"peak": self.peak, "decay": self.decay, "steps": self.steps, "warmup": self.warmup}


def build_optimizer(
    train: TrainParams, steps: int, learning_rate: float | None = None
) -> keras.optimizers.Optimizer:
    """The optimizer of ``train`` for a fit of ``steps`` steps, at ``learning_rate`` if one is given."""
    peak = train.learning_rate if learning_rate is None else learning_rate
    rate: float | LearningRate = peak
    if train.schedule != "constant" or train.warmup:
        rate = LearningRate(peak, train.schedule, steps, train.warmup)
    match train.optimizer:
        case "adamw":
            return keras.optimizers.AdamW(
                rate, weight_decay=train.weight_decay, beta_2=train.beta_2, global_clipnorm=train.clipnorm
            )
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, global_clipnorm=train.clipnorm)
        case _:
            return keras.optimizers.Adam(rate, beta_2=train.beta_2, global_clipnorm=train.clipnorm)
