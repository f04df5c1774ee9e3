"""A drawing of the stack of layers: boxes for the page (SVG), lines of text for the model card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.networks.summary import LayerSummary
from pipeline.reporting import count_text

_TITLES = {
    "SimpleRNN": "simple RNN",
    "Embedding": "embedding",
    "GlobalMaxPooling1D": "maximum over time",
    "SpatialDropout1D": "dropout",
    "Dropout": "dropout",
    "GlobalAveragePooling1D": "mean over time",
    "MaxPooling1D": "maximum of each two steps",
}
# Parts of a skip, the mask that follows the states, how pairs are found and scaled: no step of the stack.
_SKIPS = {"highway": "gate", "residual": "residual"}  # and the layer that only such a skip has
_OF_NGRAMS = ("ngram_places", "ngram_slots", "ngram_mean", "ngram_scaling")
_BESIDE = ("projection_", "gate_", "residual_", "mask_pooling_", *_OF_NGRAMS)
_FIXED = {"ngram_words": "vectors of words, fixed", "ngram_pairs": "vectors of word pairs, fixed"}
_BOX, _THIN, _GAP = 46, 22, 20  # heights in the drawing's units
MARGIN = 8


def title_of(layer: LayerSummary) -> str:
    """What a layer is called: ``maximum over time`` of GlobalMaxPooling1D, ``LSTM, both directions``."""
    if layer.name in _FIXED:
        return _FIXED[layer.name]
    if layer.kind == "Dense":
        return "dense, sigmoid" if layer.shape == (1,) else "dense, softmax"
    kind = layer.kind.removeprefix("Bidirectional(").removesuffix(")")
    return _TITLES.get(kind, kind) + ("" if kind == layer.kind else ", both directions")


class Box(NamedTuple):
    """One box of the drawing, a thin one without detail; ``y`` is its top edge, counted downwards."""

    title: str
    detail: str
    recurrent: bool
    y: int
    height: int


class Stack(NamedTuple):
    """The whole drawing: boxes from the bottom up; a skip's name where there are skips, else ""."""

    boxes: tuple[Box, ...]
    height: int
    skip: str


def draw_stack(layers: Sequence[LayerSummary], max_length: int | None) -> Stack:
    """Places a box for each layer, the token ids lowest.

    Args:
        layers: of ``summarize``, bottom first.
        max_length: how many token ids the network reads; None where it takes rows of any length.
    """
    read = "one a time step" if max_length is None else f"{max_length:,} a review"
    steps = [("token ids", read, False)]
    names = {layer.name for layer in layers}
    joined = names >= {"max_pooling", "mean_pooling"}  # which read the same states: they share a box
    for layer in stacked_layers(layers):
        if joined and layer.name == "max_pooling":
            steps.append(("maximum and mean over time", f"{times(layer.shape)} each, joined", False))
        elif not (joined and layer.name == "mean_pooling"):
            steps.append((title_of(layer), _detail(layer), layer.recurrent))
    heights = [_BOX if detail else _THIN for _, detail, _ in steps]
    height = sum(heights) + _GAP * (len(steps) - 1) + 2 * MARGIN
    boxes, bottom = [], height - MARGIN
    for step, tall in zip(steps, heights, strict=True):
        boxes.append(Box(*step, bottom - tall, tall))
        bottom -= tall + _GAP
    beside = {name.partition("_")[0] for name in names}
    skip = next((name for name, part in _SKIPS.items() if part in beside), "")
    return Stack(tuple(boxes), height, skip)


def stack_text(layers: Sequence[LayerSummary]) -> str:
    """A line for each layer, the top one first, with its output and its weights in columns."""
    rows = [("layer", "kind", "output", "parameters")]
    rows += [
        (layer.name, title_of(layer), times(layer.shape), f"{layer.parameters:,}")
        for layer in reversed(stacked_layers(layers))
    ]
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{name:{wide[0]}}  {kind:{wide[1]}}  {output:{wide[2]}}  {parameters:>10}"
        for name, kind, output, parameters in rows
    )


def stacked_layers(layers: Sequence[LayerSummary]) -> list[LayerSummary]:
    """The layers that stand on one another: all but what stands beside the stack."""
    return [layer for layer in layers if not layer.name.startswith(_BESIDE)]


def _detail(layer: LayerSummary) -> str:
    if "Dropout" in layer.kind:
        return ""
    weights = f", {count_text(layer.parameters, 'parameter')}" if layer.parameters else ""
    shape = times(layer.shape)
    if layer.name == "probability":
        shape = "1 probability" if layer.shape == (1,) else f"{shape} probabilities"
    return f"{shape}{weights}"


def times(shape: Sequence[int | None]) -> str:
    """The shape of an output as it is shown; ``time`` where each batch has as many steps as its longest."""
    return " \N{MULTIPLICATION SIGN} ".join("time" if size is None else str(size) for size in shape)
