"""A drawing of the stack of layers: boxes for the page (SVG), lines of text for the model card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.networks.summary import LayerSummary
from pipeline.reporting import counted

_TITLES = {
    "SimpleRNN": "simple RNN",
    "Embedding": "embedding",
    "GlobalMaxPooling1D": "maximum over time",
    "SpatialDropout1D": "dropout",
    "Dropout": "dropout",
    "GlobalAveragePooling1D": "mean over time",
    "MaxPooling1D": "maximum of each two steps",
}
_BOTH = "Bidirectional("
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
    one = layer.kind.removeprefix(_BOTH).removesuffix(")") if layer.kind.startswith(_BOTH) else layer.kind
    name = _TITLES.get(one, one)
    return name if one == layer.kind else f"{name}, both directions"


class Box(NamedTuple):
    """One box of the drawing; ``y`` is its top edge, counted downwards."""

    title: str
    detail: str
    y: int
    height: int
    thin: bool
    recurrent: bool


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
    steps = [("token ids", read, False, False), *_steps(stacked(layers))]
    heights = [_THIN if thin else _BOX for _, _, thin, _ in steps]
    height = sum(heights) + _GAP * (len(steps) - 1) + 2 * MARGIN
    boxes, bottom = [], height - MARGIN
    for (name, detail, thin, recurrent), tall in zip(steps, heights, strict=True):
        boxes.append(Box(name, detail, bottom - tall, tall, thin, recurrent))
        bottom -= tall + _GAP
    beside = {layer.name.partition("_")[0] for layer in layers}
    skip = next((name for name, part in _SKIPS.items() if part in beside), "")
    return Stack(tuple(boxes), height, skip)


def stack_text(layers: Sequence[LayerSummary]) -> str:
    """A line for each layer, the top one first, with its output and its weights in columns."""
    rows = [
        (layer.name, title_of(layer), times(layer.shape), f"{layer.parameters:,}")
        for layer in reversed(stacked(layers))
    ]
    rows.insert(0, ("layer", "kind", "output", "parameters"))
    wide = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{name:{wide[0]}}  {kind:{wide[1]}}  {output:{wide[2]}}  {parameters:>10}"
        for name, kind, output, parameters in rows
    )


def stacked(layers: Sequence[LayerSummary]) -> list[LayerSummary]:
    """The layers that stand on one another: all but what stands beside the stack."""
    return [layer for layer in layers if not layer.name.startswith(_BESIDE)]


def _steps(layers: Sequence[LayerSummary]) -> Iterator[tuple[str, str, bool, bool]]:
    """What the boxes say; the two poolings that read the same states and are joined share a box."""
    names = [layer.name for layer in layers]
    for layer in layers:
        if layer.name == "max_pooling" and "mean_pooling" in names:
            yield "maximum and mean over time", f"{times(layer.shape)} each, joined", False, False
        elif layer.name != "mean_pooling" or "max_pooling" not in names:
            yield _step(layer)


def _step(layer: LayerSummary) -> tuple[str, str, bool, bool]:
    if "Dropout" in layer.kind:
        return "dropout", "", True, False
    weights = f", {counted(layer.parameters, 'parameter')}" if layer.parameters else ""
    shape = times(layer.shape)
    if layer.name == "probability":
        shape = "1 probability" if layer.shape == (1,) else f"{shape} probabilities"
    return title_of(layer), f"{shape}{weights}", False, layer.recurrent


def times(shape: Sequence[int | None]) -> str:
    """The shape of an output as it is shown; ``time`` where each batch has as many steps as its longest."""
    return " \N{MULTIPLICATION SIGN} ".join("time" if size is None else str(size) for size in shape)
