"""Connections past a recurrent layer, which let the gradient reach the layers below it unhindered."""

from collections.abc import Callable
from typing import Any, Literal

from keras import initializers, layers

CARRY_BIAS = -1.0  # starts the gate nearer to carrying its input; Srivastava et al. (2015), section 2.2


def skip_connection(
    kind: Literal["residual", "highway"],
    inputs: Any,
    outputs: Any,
    number: int,
    new_seed: Callable[[], int],
) -> Any:
    """Joins what entered recurrent layer ``number`` with what left it.

    - residual: ``outputs + inputs`` (He et al., 2016);
    - highway: ``gate * outputs + (1 - gate) * inputs`` with ``gate = sigmoid(W inputs + b)``
      (Srivastava, Greff & Schmidhuber, 2015, "Highway Networks").

    Inputs of another width than the outputs' are projected first, by a matrix without bias.

    Args:
        inputs: float32 (batch, timesteps, width of the layer below).
        outputs: float32 (batch, timesteps, width).

    Returns:
        float32 (batch, timesteps, width).
    """
    width = outputs.shape[-1]
    if inputs.shape[-1] != width:
        inputs = layers.Dense(
            width,
            use_bias=False,
            kernel_initializer=initializers.GlorotUniform(new_seed()),
            name=f"projection_{number}",
        )(inputs)
    if kind == "residual":
        return layers.Add(name=f"residual_{number}")([outputs, inputs])
    gate = layers.Dense(
        width,
        "sigmoid",
        kernel_initializer=initializers.GlorotUniform(new_seed()),
        bias_initializer=initializers.Constant(CARRY_BIAS),
        name=f"gate_{number}",
    )(inputs)
    return inputs + gate * (outputs - inputs)
