"""The recurrences of Keras' SimpleRNN, LSTM and GRU with masks and with their gradients written out.

The loop over time runs from the first step at which any review of the batch has a token to the last, and that
is known only when it runs: one compiled program takes the time of its batch's longest review. In the loops
arrays lie step by step, (timesteps, batch, width), so that a step reads and writes whole blocks. On the way
back only the gradient of the state goes from step to step; those of the weights and of the input are products
over many steps at once, since the weights' own (768 KB of 128 units above 128 in both directions) would leave
the processor's cache at every step. The equations, the order of the gates and the meaning of a mask are those
of Keras, so the layers' own variables are used and the results agree to rounding.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from pipeline.networks.cells import ACTIVATIONS, CELLS, Activation, Equations, Tensor, Tensors

# Steps whose products are taken at once: many while so many are left, then few. Arrays have room for few more
# steps than there are, since the last few may reach beyond them.
_MANY, _FEW = 64, 8


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
    loops = _Loops(CELLS[cell], ACTIVATIONS[activation], _Span.of(mask, ops.shape(sequence)[1]), reverse)

    @ops.custom_gradient
    def states_of(sequence: Tensor, *weights: Tensor) -> tuple[Tensor, Callable[..., Tensors]]:
        inputs = _by_time(sequence)
        states, kept = loops.forward(inputs, Weights(*weights))

        def gradient(d_hidden: Tensor) -> Tensors:
            kernel, recurrent_kernel, *_ = weights
            d_products = loops.backward(_by_time(d_hidden), states, kept, recurrent_kernel)
            d_inputs, *d_weights = loops.gradients(inputs, states[0], d_products, kernel)
            return _by_review(d_inputs, d_hidden), *d_weights

        return _by_review(states[0][loops.after :], sequence), gradient

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

    def over(self, step: Callable[..., Any], carry: Tensors, reverse: bool) -> Any:
        """``carry = step(t, *carry)`` for each step t in turn, the last first if ``reverse``."""
        # The step itself is carried: an index made from a bound that no step changes would be a constant to
        # XLA, which compiles anew for each value of it.
        begin, towards = (self.last - 1, -1) if reverse else (self.first, 1)

        def unfinished(t: Tensor, *_: Any) -> Tensor:
            return t >= self.first if reverse else t < self.last

        def body(t: Tensor, *carry: Any) -> Any:
            return t + towards, *step(t, *carry)

        return ops.while_loop(unfinished, body, (begin, *carry))[1:]


class _Loops(NamedTuple):
    """The loops over time of one layer, on arrays of float32 (timesteps + _FEW, batch, width).

    What a step gives lies one place after its input where the layer reads forwards, at the same place where
    it reads backwards, so that the states before all steps, the first too, lie in one array with those after.
    """

    cell: Equations
    f: Activation
    span: _Span
    reverse: bool

    @property
    def before(self) -> int:
        """The place of the state before a step, counted from the step's."""
        return int(self.reverse)

    @property
    def after(self) -> int:
        """The place of the state after a step and of what it keeps, counted from the step's."""
        return int(not self.reverse)

    def forward(self, inputs: Tensor, weights: Weights) -> tuple[Tensors, Tensors]:
        """The states, and what is kept of each step."""
        room, batch, _ = ops.shape(inputs)
        units = weights.recurrent_kernel.shape[0]

        def step(t: Tensor, state: Tensors, history: Tensors) -> tuple[Tensors, Tensors]:
            projected = ops.matmul(_at(inputs, t), weights.kernel) + weights.bias
            recurrent = ops.matmul(state[0], weights.recurrent_kernel) + weights.recurrent_bias
            new, kept = self.cell.step(state, projected, recurrent, self.f)
            new = self.span.where(t, new, state)
            return new, _written(history, t + self.after, [(value,) for value in (*new, *kept)])

        start = (ops.zeros((batch, units)),) * self.cell.states
        history = (ops.zeros((room, batch, units)),) * (self.cell.states + self.cell.kept)
        _, history = self.span.over(step, (start, history), self.reverse)
        return history[: self.cell.states], history[self.cell.states :]

    def backward(self, d_hidden: Tensor, states: Tensors, kept: Tensors, recurrent_kernel: Tensor) -> Tensors:
        """The gradients of the projected inputs and of the recurrent products; one array if they are one."""
        room, batch, units = ops.shape(d_hidden)
        transposed = ops.transpose(recurrent_kernel)

        def step(t: Tensor, d_state: Tensors, d_products: Tensors) -> tuple[Tensors, Tensors]:
            at_before = tuple(_at(array, t + self.before) for array in states)
            at_kept = tuple(_at(array, t + self.after) for array in kept)
            d_new = self.span.where(t, (d_state[0] + _at(d_hidden, t), *d_state[1:]))
            d_before, by_gate = self.cell.gradient(d_new, at_before, at_kept, self.f)
            d_products = _written(d_products, t, by_gate)
            d_before = (d_before[0] + ops.matmul(_at(d_products[-1], t), transposed), *d_before[1:])
            return self.span.where(t, d_before, d_state), d_products

        start = (ops.zeros((batch, units)),) * self.cell.states
        d_products = (ops.zeros((room, batch, recurrent_kernel.shape[1])),) * self.cell.products
        return self.span.over(step, (start, d_products), not self.reverse)[1]

    def gradients(self, inputs: Tensor, hidden: Tensor, d_products: Tensors, kernel: Tensor) -> Tensors:
        """The gradients of the inputs and of the four weights."""
        transposed = ops.transpose(kernel)

        def over(count: int, least: int, carry: Any) -> Any:
            """``count`` steps at once, while at least ``least`` are left."""

            def step(t: Tensor, sums: Tensors, d_inputs: Tensor) -> tuple[Tensor, Tensors, Tensor]:
                d_projected, d_recurrent = (_rows(d_products[which], t, count) for which in (0, -1))
                shares = (
                    ops.matmul(ops.transpose(_rows(inputs, t, count)), d_projected),
                    ops.matmul(ops.transpose(_rows(hidden, t + self.before, count)), d_recurrent),
                    ops.sum(d_projected, axis=0),
                    ops.sum(d_recurrent, axis=0),
                )
                sums = tuple(total + share for total, share in zip(sums, shares, strict=True))
                rows = ops.reshape(ops.matmul(d_projected, transposed), (count, *ops.shape(inputs)[1:]))
                return t + count, sums, ops.slice_update(d_inputs, (t, 0, 0), rows)

            return ops.while_loop(lambda t, *_: t + least <= self.span.last, step, carry)

        units, width = hidden.shape[2], kernel.shape[1]
        nothing = tuple(ops.zeros(shape) for shape in (kernel.shape, (units, width), (width,), (width,)))
        carry = (self.span.first, nothing, ops.zeros_like(inputs))
        if ops.shape(inputs)[0] >= _MANY:
            carry = over(_MANY, _MANY, carry)
        _, sums, d_inputs = over(_FEW, 1, carry)
        return d_inputs, *sums


def _by_time(sequence: Tensor) -> Tensor:
    """(timesteps + _FEW, batch, width), zeros at the end, of (batch, timesteps, width)."""
    return ops.pad(ops.transpose(sequence, (1, 0, 2)), ((0, _FEW), (0, 0), (0, 0)))


def _by_review(array: Tensor, like: Tensor) -> Tensor:
    """(batch, timesteps, width) of the first steps of (any, batch, width), as many as ``like`` has."""
    return ops.transpose(array[: ops.shape(like)[1]], (1, 0, 2))


def _at(array: Tensor, t: Tensor) -> Tensor:
    """(batch, width) of (timesteps, batch, width)."""
    return _rows(array, t, 1)


def _rows(array: Tensor, t: Tensor, count: int) -> Tensor:
    """(count * batch, width), those of ``count`` steps from t on."""
    _, batch, width = ops.shape(array)
    return ops.reshape(ops.slice(array, (t, 0, 0), (count, batch, width)), (count * batch, width))


def _written(arrays: Tensors, t: Tensor, values: Sequence[Tensors]) -> Tensors:
    """``arrays`` with ``values`` at step t: to each array some of (batch, any), side by side.

    They are joined where they are written: XLA takes longer to concatenate them.
    """
    written = []
    for array, parts in zip(arrays, values, strict=True):
        place = 0
        for part in parts:
            array = ops.slice_update(array, (t, 0, place), part[None])  # noqa: PLW2901
            place += part.shape[1]
        written.append(array)
    return tuple(written)
