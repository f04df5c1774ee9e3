"""One time step of Keras' SimpleRNN, LSTM and GRU (with ``reset_after``) and its gradient, as equations."""

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


ACTIVATIONS = {
    "tanh": Activation(ops.tanh, lambda value: 1 - value * value),
    "relu": Activation(ops.relu, lambda value: ops.cast(value > 0, value.dtype)),
}
_SIGMOID = Activation(ops.sigmoid, lambda value: value * (1 - value))

# A step takes the state before, the projected input and the recurrent product, each (batch, ...), and gives
# the state after and what its gradient needs. A gradient takes the gradient of the state after, the state
# before and what was kept, and gives the gradients of the state before (less its part through the recurrent
# product), of the projected input and of the recurrent product; the latter two gate by gate, and once where
# they are the same.
Gradients = tuple[Tensors, tuple[Tensors, ...]]


def _simple_rnn(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """h_t = f(W x_t + U h_{t-1} + b)."""
    hidden = f.value(inputs + recurrent)
    return (hidden,), (hidden,)


def _simple_rnn_gradient(d_state: Tensors, before: Tensors, kept: Tensors, f: Activation) -> Gradients:
    d_sum = d_state[0] * f.slope(kept[0])
    return (ops.zeros_like(d_state[0]),), ((d_sum,),)


def _lstm(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """c_t = forget * c_{t-1} + input * f(candidate); h_t = output * f(c_t)."""
    gates = ops.split(inputs + recurrent, 4, axis=-1)
    input_gate, forget_gate, output_gate = (ops.sigmoid(gates[index]) for index in (0, 1, 3))
    candidate = f.value(gates[2])
    cell = forget_gate * state[1] + input_gate * candidate
    return (output_gate * f.value(cell), cell), (input_gate, forget_gate, candidate, output_gate)


def _lstm_gradient(d_state: Tensors, before: Tensors, kept: Tensors, f: Activation) -> Gradients:
    input_gate, forget_gate, candidate, output_gate = kept
    d_hidden, d_cell = d_state
    activated = f.value(forget_gate * before[1] + input_gate * candidate)  # cheaper made again than kept
    d_cell = d_cell + d_hidden * output_gate * f.slope(activated)
    d_sums = (
        d_cell * candidate * _SIGMOID.slope(input_gate),
        d_cell * before[1] * _SIGMOID.slope(forget_gate),
        d_cell * input_gate * f.slope(candidate),
        d_hidden * activated * _SIGMOID.slope(output_gate),
    )
    return (ops.zeros_like(d_hidden), d_cell * forget_gate), (d_sums,)


def _gru(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """h_t = update * h_{t-1} + (1 - update) * f(W x_t + reset * (U h_{t-1} + b))."""
    from_input = ops.split(inputs, 3, axis=-1)
    from_state = ops.split(recurrent, 3, axis=-1)
    update = ops.sigmoid(from_input[0] + from_state[0])
    reset = ops.sigmoid(from_input[1] + from_state[1])
    candidate = f.value(from_input[2] + reset * from_state[2])
    return (update * state[0] + (1 - update) * candidate,), (update, reset, candidate, from_state[2])


def _gru_gradient(d_state: Tensors, before: Tensors, kept: Tensors, f: Activation) -> Gradients:
    update, reset, candidate, recurrent_candidate = kept
    (d_hidden,) = d_state
    d_update = d_hidden * (before[0] - candidate) * _SIGMOID.slope(update)
    d_candidate = d_hidden * (1 - update) * f.slope(candidate)
    d_reset = d_candidate * recurrent_candidate * _SIGMOID.slope(reset)
    d_products = (d_update, d_reset, d_candidate), (d_update, d_reset, d_candidate * reset)
    return (d_hidden * update,), d_products


class Equations(NamedTuple):
    step: Callable[[Tensors, Tensor, Tensor, Activation], tuple[Tensors, Tensors]]
    gradient: Callable[[Tensors, Tensors, Tensors, Activation], Gradients]
    states: int  # how many tensors are the state,
    kept: int  # are kept by a step for its gradient,
    products: int  # and are the products' gradients


CELLS: dict[type[keras.layers.RNN], Equations] = {
    keras.layers.SimpleRNN: Equations(_simple_rnn, _simple_rnn_gradient, 1, 1, 1),
    keras.layers.LSTM: Equations(_lstm, _lstm_gradient, 2, 4, 1),
    keras.layers.GRU: Equations(_gru, _gru_gradient, 1, 4, 2),
}
