"""What a lesson on deep recurrent networks shows beside their scores: the stack drawn, and its gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import numpy as np


@dataclass(frozen=True)
class Drawing:
    """A picture that a notebook shows where it is a cell's last value.

    Attributes:
        svg: the picture as SVG, which stands alone.
    """

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg


def draw_stack(network: keras.Model) -> Drawing:
    """Draws the layers of a network as the report does, the token ids lowest, with shapes and weights.

    Args:
        network: of :func:`build_stacked_rnn`, or ``fit(...).model``.
    """
    from pipeline.networks.summary import summarize  # noqa: PLC0415 - the templates' engine
    from pipeline.reporting import page, stack  # noqa: PLC0415

    return Drawing(page.stack_svg(stack.draw_stack(summarize(network), network.input_shape[1])))


def gradient_norms(network: keras.Model, token_ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How far the loss's gradient reaches: its norm by the state h_t^l at every layer and time step.

    The mean over the reviews, without dropout; see Pascanu, Mikolov & Bengio, "On the difficulty of training
    recurrent neural networks" (2013).

    Args:
        network: of :func:`build_stacked_rnn`, or ``fit(...).model``.
        token_ids: int32 (num_reviews, timesteps), such as ``reviews.validation.token_ids``.
        labels: whole numbers from 0, (num_reviews,); a review's loss is its cross-entropy.

    Returns:
        float64 (depth, timesteps), the bottom layer first.
    """
    from pipeline.depth import gradients  # noqa: PLC0415 - imports TensorFlow, which takes seconds

    return gradients.gradient_norms(network, token_ids, labels)
