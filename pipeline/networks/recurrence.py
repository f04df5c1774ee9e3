"""The recurrences of Keras' SimpleRNN, LSTM and GRU with masks and with their gradients written out.

The loop over time runs from the first step at which any review of the batch has a token to the last, and that
is known only when it runs: one compiled program takes the time of its batch's longest review. All that a step
needs and gives stays in the processor's cache until the step is done: the projection of its input, and, on
the way back, its share of every gradient. The equations, the order of the gates and the meaning of a mask are
those of Keras (GRU with ``reset_after``), so the layers' own variables are used and the results agree to
rounding.
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
_SIGMOID = Activation(ops.sigmoid, lambda value: value * (1 - value))

# A step takes the state before, the projected input and the recurrent product, each (batch, ...), and gives
# the state after and what its gradient needs. A gradient takes the gradient of the state after, the state
# before and what was kept, and gives the gradients of the state before (less its part through the recurrent
# product), of the projected input and of the recurrent product.
Step = Callable[[Tensors, Tensor, Tensor, Activation], tuple[Tensors, Tensors]]
StepGradient = Callable[[Tensors, Tensors, Tensors, Activation], tuple[Tensors, Tensor, Tensor]]


def _simple_rnn(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """h_t = f(W x_t + U h_{t-1} + b)."""
    hidden = f.value(inputs + recurrent)
    return (hidden,), (hidden,)


def _simple_rnn_gradient(
    d_state: Tensors, before: Tensors, kept: Tensors, f: Activation
) -> tuple[Tensors, Tensor, Tensor]:
    d_inputs = d_state[0] * f.slope(kept[0])
    return (ops.zeros_like(d_state[0]),), d_inputs, d_inputs


def _lstm(state: Tensors, inputs: Tensor, recurrent: Tensor, f: Activation) -> tuple[Tensors, Tensors]:
    """c_t = forget * c_{t-1} + input * f(candidate); h_t = output * f(c_t)."""
    gates = ops.split(inputs + recurrent, 4, axis=-1)
    input_gate, forget_gate, output_gate = (ops.sigmoid(gates[index]) for index in (0, 1, 3))
    candidate = f.value(gates[2])
    cell = forget_gate * state[1] + input_gate * candidate
    return (output_gate * f.value(cell), cell), (input_gate, forget_gate, candidate, output_gate)


def _lstm_gradient(
    d_state: Tensors, before: Tensors, kept: Tensors, f: Activation
) -> tuple[Tensors, Tensor, Tensor]:
    input_gate, forget_gate, candidate, output_gate = kept
    d_hidden, d_cell = d_state
    activated = f.value(forget_gate * before[1] + input_gate * candidate)  # cheaper made again than kept
    d_cell = d_cell + d_hidden * output_gate * f.slope(activated)
    d_inputs = ops.concatenate(
        [
            d_cell * candidate * _SIGMOID.slope(input_gate),
            d_cell * before[1] * _SIGMOID.slope(forget_gate),
            d_cell * input_gate * f.slope(candidate),
            d_hidden * activated * _SIGMOID.slope(output_gate),
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
    d_state: Tensors, before: Tensors, kept: Tensors, f: Activation
) -> tuple[Tensors, Tensor, Tensor]:
    update, reset, candidate, recurrent_candidate = kept
    (d_hidden,) = d_state
    d_update = d_hidden * (before[0] - candidate) * _SIGMOID.slope(update)
    d_candidate = d_hidden * (1 - update) * f.slope(candidate)
    d_reset = d_candidate * recurrent_candidate * _SIGMOID.slope(reset)
    d_inputs = ops.concatenate([d_update, d_reset, d_candidate], axis=-1)
    d_recurrent = ops.concatenate([d_update, d_reset, d_candidate * reset], axis=-1)
    return (d_hidden * update,), d_inputs, d_recurrent


_CELLS: dict[
    type[keras.layers.RNN], tuple[Step, StepGradient, int, int]
] = {  # and how many tensors are the state, and are kept
    keras.layers.SimpleRNN: (_simple_rnn, _simple_rnn_gradient, 1, 1),
    keras.layers.LSTM: (_lstm, _lstm_gradient, 2, 4),
    keras.layers.GRU: (_gru, _gru_gradient, 1, 4),
}


class Weights(NamedTuple):
    """Those of one layer: float32, (features or units, gates * units), and (gates * units,) the biases."""

    kernel: Tensor
    recurrent_kernel: Tensor
    bias: Tensor
    recurrent_bias: Tensor


def recur(
    cell: type[keras.layers.RNN],
    activation: str,
    sequence: Tensor,
    weights: Weights,
    mask: Tensor | None = None,
    reverse: bool = False,
) -> Tensor:
    """The hidden states of one recurrent layer, starting from zeros.

    Args:
        cell: SimpleRNN, LSTM or GRU.
        activation: tanh or relu.
        sequence: float32 (batch, timesteps, features).
        weights: the layer's.
        mask: bool (batch, timesteps): False where a step leaves the state as it was; None for nowhere.
        reverse: whether the last step is read first.

    Returns:
        float32 (batch, timesteps, units), the state after each step was read. Masked steps pass no gradient;
        their states are the state before, or zeros where no review of the batch has a token.
    """
    step, step_gradient, num_states, num_kept = _CELLS[cell]
    f = _ACTIVATIONS[activation]
    batch, timesteps, _ = ops.shape(sequence)
    units = weights.recurrent_kernel.shape[0]
    span = _Span.of(mask, timesteps)

    @ops.custom_gradient
    def states_of(sequence: Tensor, *arrays: Tensor) -> tuple[Tensor, Callable[..., Tensors]]:
        kernel, recurrent_kernel, bias, recurrent_bias = arrays
        start = (ops.zeros((batch, units)),) * num_states

        def forward(t: Tensor, state: Tensors) -> tuple[Tensors, Tensors]:
            inputs = ops.matmul(_at(sequence, t), kernel) + bias
            recurrent = ops.matmul(state[0], recurrent_kernel) + recurrent_bias
            new, kept = step(state, inputs, recurrent, f)
            new = span.where(t, new, state)
            return new, (new[0], *state, *kept)

        written = (ops.zeros((batch, timesteps, units)),) * (1 + num_states + num_kept)
        _, (hidden, *history) = _loop(forward, span, start, written, reverse)
        before, kept = tuple(history[:num_states]), tuple(history[num_states:])

        def gradient(d_states: Tensor) -> Tensors:
            transposed, recurrent_transposed = ops.transpose(kernel), ops.transpose(recurrent_kernel)

            def backward(
                t: Tensor, carry: tuple[Tensors, Tensors]
            ) -> tuple[tuple[Tensors, Tensors], Tensors]:
                d_state, sums = carry
                at_before = tuple(_at(array, t) for array in before)
                at_kept = tuple(_at(array, t) for array in kept)
                d_new = span.where(t, (d_state[0] + _at(d_states, t), *d_state[1:]))
                d_before, d_inputs, d_recurrent = step_gradient(d_new, at_before, at_kept, f)
                d_hidden = d_before[0] + ops.matmul(d_recurrent, recurrent_transposed)
                d_state = span.where(t, (d_hidden, *d_before[1:]), d_state)
                shares = (
                    ops.matmul(ops.transpose(_at(sequence, t)), d_inputs),
                    ops.matmul(ops.transpose(at_before[0]), d_recurrent),
                    ops.sum(d_inputs, axis=0),
                    ops.sum(d_recurrent, axis=0),
                )
                sums = tuple(total + share for total, share in zip(sums, shares, strict=True))
                return (d_state, sums), (ops.matmul(d_inputs, transposed),)

            nothing = tuple(ops.zeros_like(array) for array in arrays)
            (_, sums), (d_sequence,) = _loop(
                backward, span, (start, nothing), (ops.zeros_like(sequence),), not reverse
            )
            return d_sequence, *sums

        return hidden, gradient

    return states_of(sequence, *weights)


class _Span(NamedTuple):
    """The steps from ``first`` to before ``last``, int32 (): no review of the batch has a token elsewhere."""

    first: Tensor
    last: Tensor
    mask: Tensor | None  # bool (timesteps, batch, 1)

    @classmethod
    def of(cls, mask: Tensor | None, timesteps: Tensor) -> "_Span":
        """``mask``: bool (batch, timesteps)."""
        if mask is None:
            return cls(0, timesteps, None)
        used = ops.any(mask, axis=0)
        step = ops.arange(timesteps, dtype="int32")
        last = ops.max(ops.where(used, step + 1, 0))
        return cls(ops.min(ops.where(used, step, last)), last, ops.transpose(mask)[:, :, None])

    def where(self, t: Tensor, values: Tensors, otherwise: Tensors | None = None) -> Tensors:
        """``values``, each (batch, width), of the reviews with a token at step t, else ``otherwise`` or 0."""
        if self.mask is None:
            return values
        real = self.mask[t]
        others = otherwise or (0.0,) * len(values)
        return tuple(ops.where(real, value, other) for value, other in zip(values, others, strict=True))


def _at(array: Tensor, t: Tensor) -> Tensor:
    """(batch, width) of (batch, timesteps, width)."""
    batch, _, width = ops.shape(array)
    return ops.slice(array, (0, t, 0), (batch, 1, width))[:, 0]


def _loop(
    body: Callable[[Tensor, Any], tuple[Any, Tensors]],
    span: _Span,
    carry: Any,
    arrays: Tensors,
    reverse: bool,
) -> tuple[Any, Tensors]:
    """``carry, values = body(t, carry)`` for every t of ``span``, the last first if ``reverse``.

    Returns:
        The last carry, and the arrays, each (batch, timesteps, width), with the values written to them at t.
    """
    # The step itself is carried: an index made from a bound that no step changes would be a constant to XLA,
    # which compiles anew for each value of it.
    begin, towards = (span.last - 1, -1) if reverse else (span.first, 1)

    def unfinished(t: Tensor, *_: Any) -> Tensor:
        return t >= span.first if reverse else t < span.last

    def step(t: Tensor, carry: Any, arrays: Tensors) -> tuple[Tensor, Any, Tensors]:
        carry, values = body(t, carry)
        written = tuple(
            ops.slice_update(array, (0, t, 0), value[:, None])
            for array, value in zip(arrays, values, strict=True)
        )
        return t + towards, carry, written

    return ops.while_loop(unfinished, step, (begin, carry, arrays))[1:]
