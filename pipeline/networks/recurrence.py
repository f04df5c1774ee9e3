"""The recurrences of Keras' SimpleRNN, LSTM and GRU with their gradients written out.

Automatic differentiation of a time loop accumulates every weight's gradient in every step. Here the input
projections are one matrix product before the loop, the loop carries only the states, and the weights'
gradients are one product after it, as cuDNN does it (Appleyard et al., 2016, "Optimizing Performance of
Recurrent Neural Networks on GPUs"). The equations and the order of the gates are those of Keras (GRU with
``reset_after``), so the layers' own variables are used and the results agree to rounding.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

Tensor = Any  # a tensor of the backend
Tensors = tuple[Tensor, ...]


class Activation(NamedTuple):
    """A function and its slope; the slope is a function of the function's own value."""

    value: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


_ACTIVATIONS = {
    "tanh": Activation(ops.tanh, lambda value: 1 - value * value),
    "relu": Activation(ops.relu, lambda value: ops.cast(value > 0, value.dtype)),
}

# A step takes the state before, the projected input and the recurrent product, each (batch, ...), and gives
# the state after and what its gradient needs. A gradient takes the gradient of the state after, the states
# before and after and what was kept, and gives the gradients of the state before (less its part through the
# recurrent product), of the projected input and of the recurrent product.
Step = Callable[[Tensors, Tensor, Tensor, Activation], tuple[Tensors, Tensors]]
StepGradient = Callable[[Tensors, Tensors, Tensors, Tensors, Activation], tuple[Tensors, Tensor, Tensor]]


def _simple_rnn(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """h_t = f(W x_t + U h_{t-1} + b)."""
    return (f.value(inputs + recurrent),), ()


def _simple_rnn_gradient(
    d_state: Tensors, before: Tensors, state: Tensors, kept: Tensors, f: Activation
) -> tuple[Tensors, Tensor, Tensor]:
    d_inputs = d_state[0] * f.slope(state[0])
    return (ops.zeros_like(d_state[0]),), d_inputs, d_inputs


def _lstm(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """c_t = forget * c_{t-1} + input * f(candidate); h_t = output * f(c_t)."""
    gates = ops.split(inputs + recurrent, 4, axis=-1)
    input_gate, forget_gate, output_gate = (ops.sigmoid(gates[index]) for index in (0, 1, 3))
    candidate = f.value(gates[2])
    cell = forget_gate * state[1] + input_gate * candidate
    return (output_gate * f.value(cell), cell), (input_gate, forget_gate, candidate, output_gate)


def _lstm_gradient(
    d_state: Tensors, before: Tensors, state: Tensors, kept: Tensors, f: Activation
) -> tuple[Tensors, Tensor, Tensor]:
    input_gate, forget_gate, candidate, output_gate = kept
    d_hidden, d_cell = d_state
    activated = f.value(state[1])  # made again: cheaper than a trip through memory
    d_cell = d_cell + d_hidden * output_gate * f.slope(activated)
    d_inputs = ops.concatenate(
        [
            d_cell * candidate * input_gate * (1 - input_gate),
            d_cell * before[1] * forget_gate * (1 - forget_gate),
            d_cell * input_gate * f.slope(candidate),
            d_hidden * activated * output_gate * (1 - output_gate),
        ],
        axis=-1,
    )
    return (ops.zeros_like(d_hidden), d_cell * forget_gate), d_inputs, d_inputs


def _gru(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """h_t = update * h_{t-1} + (1 - update) * f(W x_t + reset * (U h_{t-1} + b))."""
    from_input = ops.split(inputs, 3, axis=-1)
    from_state = ops.split(recurrent, 3, axis=-1)
    update = ops.sigmoid(from_input[0] + from_state[0])
    reset = ops.sigmoid(from_input[1] + from_state[1])
    candidate = f.value(from_input[2] + reset * from_state[2])
    return (update * state[0] + (1 - update) * candidate,), (update, reset, candidate, from_state[2])


def _gru_gradient(
    d_state: Tensors, before: Tensors, state: Tensors, kept: Tensors, f: Activation
) -> tuple[Tensors, Tensor, Tensor]:
    update, reset, candidate, recurrent_candidate = kept
    (d_hidden,) = d_state
    d_update = d_hidden * (before[0] - candidate) * update * (1 - update)
    d_candidate = d_hidden * (1 - update) * f.slope(candidate)
    d_reset = d_candidate * recurrent_candidate * reset * (1 - reset)
    d_inputs = ops.concatenate([d_update, d_reset, d_candidate], axis=-1)
    d_recurrent = ops.concatenate([d_update, d_reset, d_candidate * reset], axis=-1)
    return (d_hidden * update,), d_inputs, d_recurrent


_CELLS: dict[
    type[keras.layers.RNN], tuple[Step, StepGradient, int, int]
] = {  # and how many tensors are the state, and are kept
    keras.layers.SimpleRNN: (_simple_rnn, _simple_rnn_gradient, 1, 0),
    keras.layers.LSTM: (_lstm, _lstm_gradient, 2, 4),
    keras.layers.GRU: (_gru, _gru_gradient, 1, 4),
}


def _scan(
    body: Callable[[Tensors, Tensors], tuple[Tensors, Tensors]],
    carry: Tensors,
    sequences: Tensors,
    outputs: int,
    width: int,
    reverse: bool = False,
) -> Tensors:
    """``body(carry, values at t)`` for every t; ``keras.ops.scan`` wants outputs shaped as its carry.

    Returns:
        What ``body`` gives beside the next carry: ``outputs`` tensors (timesteps, batch, width).
    """
    timesteps, batch = sequences[0].shape[0], ops.shape(sequences[0])[1]

    def step(count: Tensor, carry: Tensors, written: Tensors) -> tuple[Tensor, Tensors, Tensors]:
        t = timesteps - 1 - count if reverse else count
        at = tuple(ops.slice(values, (t, 0, 0), (1, batch, values.shape[2]))[0] for values in sequences)
        carry, values = body(carry, at)
        written = tuple(
            ops.slice_update(array, (t, 0, 0), value[None])
            for array, value in zip(written, values, strict=True)
        )
        return count + 1, carry, written

    arrays = (ops.zeros((timesteps, batch, width), sequences[0].dtype),) * outputs
    return ops.while_loop(lambda count, *_: count < timesteps, step, (0, carry, arrays))[2]


def recur(
    cell: type[keras.layers.RNN], activation: str, inputs: Tensor, kernel: Tensor, bias: Tensor
) -> Tensor:
    """The hidden states of one recurrent layer, starting from zeros.

    Args:
        cell: SimpleRNN, LSTM or GRU.
        activation: tanh or relu.
        inputs: float32 (timesteps, batch, gates * units), already projected and biased.
        kernel: the recurrent kernel, float32 (units, gates * units).
        bias: added to the recurrent product, float32 (gates * units,).

    Returns:
        float32 (timesteps, batch, units).
    """
    step, step_gradient, num_states, num_kept = _CELLS[cell]
    f = _ACTIVATIONS[activation]

    @ops.custom_gradient
    def states_of(inputs: Tensor, kernel: Tensor, bias: Tensor) -> tuple[Tensor, Callable[..., Tensors]]:
        units = kernel.shape[0]
        start = (ops.zeros_like(inputs[0, :, :units]),) * num_states

        def forward(state: Tensors, at: Tensors) -> tuple[Tensors, Tensors]:
            state, kept = step(state, at[0], ops.matmul(state[0], kernel) + bias, f)
            return state, (*state, *kept)

        history = _scan(forward, start, (inputs,), outputs=num_states + num_kept, width=units)
        states, kept = history[:num_states], history[num_states:]

        def gradient(d_hidden: Tensor) -> Tensors:
            before = tuple(
                ops.concatenate([zeros[None], values[:-1]])
                for zeros, values in zip(start, states, strict=True)
            )
            transposed = ops.transpose(kernel)
            cut = 1 + num_states

            def backward(d_state: Tensors, at: Tensors) -> tuple[Tensors, tuple[Tensor, Tensor]]:
                d_state = (d_state[0] + at[0], *d_state[1:])
                at_before, at_state, at_kept = at[1:cut], at[cut : cut + num_states], at[cut + num_states :]
                d_before, d_inputs, d_recurrent = step_gradient(d_state, at_before, at_state, at_kept, f)
                d_before = (d_before[0] + ops.matmul(d_recurrent, transposed), *d_before[1:])
                return d_before, (d_inputs, d_recurrent)

            sequences = (d_hidden, *before, *states, *kept)
            d_inputs, d_recurrent = _scan(
                backward, start, sequences, outputs=2, width=kernel.shape[1], reverse=True
            )
            d_recurrent = ops.reshape(d_recurrent, (-1, d_recurrent.shape[-1]))
            flat_before = ops.reshape(before[0], (-1, units))
            d_kernel = ops.matmul(ops.transpose(flat_before), d_recurrent)
            return d_inputs, d_kernel, ops.sum(d_recurrent, axis=0)

        return states[0], gradient

    return states_of(inputs, kernel, bias)
