"""The sections of how one network is fitted, and of what it starts from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from pipeline.params.automatic import resolved
from pipeline.params.values import Cell, Depth, Rate, Section, Skip, Width

# The section of the network.


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
    step_words: Literal[1, 2, "auto"]

    @property
    def words_a_step(self) -> int:
        """``step_words``, once it is a number: see ``Params.resolved``."""
        return resolved("model", self.step_words)

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


Weight = Annotated[float, Field(gt=0)]
# Numbers by label's name or in the labels' order; ``Params.of_labels`` makes the second of the first.
ClassWeights = Literal["none", "balanced"] | tuple[Weight, ...] | dict[str, Weight]


class VectorParams(Section):
    """Vectors learnt of the reviews before any network: none without ``epochs``, none without ``ngrams``.

    The embedding starts from those of words (skip-gram); those of words and pairs stay as they are.
    """

    epochs: NonNegativeInt | Literal["auto"]
    window: Annotated[int, Field(ge=1, le=50)]
    negatives: PositiveInt
    sample: Annotated[float, Field(ge=0, lt=1)]
    deviation: Annotated[float, Field(gt=0)]
    ngrams: NonNegativeInt | Literal["auto"]


class DistillParams(Section):
    """Soft labels of a teacher on unlabelled reviews, then passes on the labels alone."""

    epochs: NonNegativeInt
    teacher: Literal["auto", "bags"]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    dropout_scale: Annotated[float, Field(ge=0, le=1)]
    label_epochs: NonNegativeInt
    label_learning_rate: Annotated[float, Field(gt=0, le=1)]


class TrainParams(Section):
    """How one network is fitted."""

    implementation: Literal["auto", "keras", "fused", "cudnn"]
    optimizer: Literal["adam", "adamw", "rmsprop"]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    schedule: Literal["constant", "cosine", "linear"]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    beta_2: Annotated[float, Field(gt=0, lt=1)]
    clipnorm: Annotated[float, Field(gt=0)] | None
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    average_decay: Annotated[float, Field(ge=0, lt=1)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    class_weights: ClassWeights
    epochs: PositiveInt | Literal["auto"]
    batch_size: PositiveInt | Literal["auto"]
    patience: PositiveInt | Literal["auto"] | None

    @property
    def stop_after(self) -> int | None:
        """``patience``, once it is a number or none: see ``Params.resolved``."""
        return None if self.patience is None else resolved("train", self.patience)

    @property
    def num_epochs(self) -> int:
        """``epochs``, once they are a number: see ``Params.resolved``."""
        return resolved("train", self.epochs)

    @property
    def rows(self) -> int:
        """``batch_size``, once it is a number: see ``Params.resolved``."""
        return resolved("train", self.batch_size)

    @model_validator(mode="after")
    def _weight_decay_is_used(self) -> Self:
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"train.weight_decay is {self.weight_decay}, but train.optimizer is {self.optimizer}: "
                "only adamw decays weights"
            )
        return self


class PretrainParams(Section):
    """Language modelling on the training and unlabelled reviews before fine-tuning (Dai & Le, 2015)."""

    epochs: NonNegativeInt
    samples: PositiveInt
    learning_rate: Annotated[float, Field(gt=0, le=1)]
