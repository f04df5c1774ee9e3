"""The section of the network."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.params.kinds import Cell, Depth, Rate, Section, Skip, Width


class ModelParams(Section):
    """The network: ``depth`` recurrent layers of one ``cell``."""

    cell: Cell
    depth: Depth
    units: Width | tuple[Width, ...]
    embedding_dim: Width
    bidirectional: bool
    skip: Skip
    skip_projection: bool
    activation: Literal["tanh", "relu"]
    recurrent_initializer: Literal["auto", "orthogonal", "glorot_uniform", "identity"]
    identity_scale: Annotated[float, Field(gt=0)]
    unit_forget_bias: bool
    dropout: Rate
    output_dropout: Rate | None
    recurrent_dropout: Rate
    embedding_dropout: Rate
    word_dropout: Rate
    layer_normalization: bool
    layer_pooling: Literal["none", "max"]
    pooling: Literal["last", "mean", "max", "max_mean"]
    masking: bool

    @property
    def layer_units(self) -> tuple[int, ...]:
        """Units of each recurrent layer, bottom first; length ``depth``."""
        return self.units if isinstance(self.units, tuple) else (self.units,) * self.depth

    @property
    def layer_widths(self) -> tuple[int, ...]:
        """Features that leave each recurrent layer: ``units``, twice that when bidirectional."""
        return tuple(units * (2 if self.bidirectional else 1) for units in self.layer_units)

    @property
    def starts_at_identity(self) -> bool:
        """Whether the recurrent weights start at a multiple of the identity: by default those of relu do."""
        kind = self.recurrent_initializer
        return kind == "identity" or (kind == "auto" and self.activation == "relu")

    @model_validator(mode="after")
    def _layers_fit_together(self) -> Self:
        if isinstance(self.units, tuple) and len(self.units) != self.depth:
            raise ValueError(
                f"model.units has {len(self.units)} numbers, but model.depth is {self.depth}: "
                "give one number, or one a layer"
            )
        inputs = (self.embedding_dim, *self.layer_widths[:-1])
        if self.skip != "none" and not self.skip_projection and inputs != self.layer_widths:
            raise ValueError(
                f"model.skip is {self.skip} and model.skip_projection is false, but the layers' inputs are "
                f"{list(inputs)} wide and their outputs {list(self.layer_widths)}: make model.units equal to "
                "model.embedding_dim, or set model.skip_projection to true"
            )
        return self
