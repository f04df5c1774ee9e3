"""The sections of how one network is fitted, and of what it starts from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from pipeline.params.data import require_number
from pipeline.params.values import Cell, Depth, Positive, Rate, Section, Skip, StepSize, Width


class ModelParams(Section):
    """The network: ``depth`` recurrent layers of one ``cell``."""

    cell: Cell = "gru"
    depth: Depth = 2
    units: Width | tuple[Width, ...] = 32
    embedding_dim: Width = 32
    bidirectional: bool = False
    skip: Skip = "none"
    skip_projection: bool = True
    activation: Literal["tanh", "relu"] = "tanh"
    recurrent_initializer: Literal["auto", "orthogonal", "glorot_uniform", "identity"] = "auto"
    identity_scale: Positive = 1.0
    unit_forget_bias: bool = True
    dropout: Rate = 0.2
    output_dropout: Rate | None = None
    recurrent_dropout: Rate = 0.0
    embedding_dropout: Rate = 0.0
    word_dropout: Rate = 0.0
    layer_normalization: bool = False
    layer_pooling: Literal["none", "max"] = "none"
    pooling: Literal["last", "mean", "max", "max_mean"] = "last"
    masking: bool = False
    step_words: Literal[1, 2, "auto"] = 1

    @property
    def words_a_step(self) -> int:
        """``step_words``, once it is a number."""
        return require_number("model", self.step_words)

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


# Numbers by label's name or in the labels' order; ``Params.of_labels`` makes the second of the first.
ClassWeights = Literal["none", "balanced"] | tuple[Positive, ...] | dict[str, Positive]


class TrainParams(Section):
    """How one network is fitted."""

    implementation: Literal["auto", "keras", "fused", "cudnn"] = "auto"
    optimizer: Literal["adam", "adamw", "rmsprop"] = "adam"
    learning_rate: StepSize = 0.001
    schedule: Literal["constant", "cosine", "linear"] = "constant"
    warmup: Rate = 0.0
    beta_2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    clipnorm: Positive | None = None
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.0
    average_decay: Rate = 0.0
    label_smoothing: Rate = 0.0
    class_weights: ClassWeights = "none"
    epochs: PositiveInt | Literal["auto"] = 6
    batch_size: PositiveInt | Literal["auto"] = 64
    patience: PositiveInt | Literal["auto"] | None = 2

    @property
    def stop_after(self) -> int | None:
        """``patience``, once it is a number or none."""
        return None if self.patience is None else require_number("train", self.patience)

    @property
    def num_epochs(self) -> int:
        """``epochs``, once they are a number."""
        return require_number("train", self.epochs)

    @property
    def rows(self) -> int:
        """``batch_size``, once it is a number."""
        return require_number("train", self.batch_size)

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

    epochs: NonNegativeInt = 0
    samples: PositiveInt = 500
    learning_rate: StepSize = 0.002


class VectorParams(Section):
    """Vectors learnt of the reviews before any network: none without ``epochs``, none without ``ngrams``.

    The embedding starts from those of words, of the file ``path`` or else learnt (skip-gram); those of words
    and pairs stay as they are.
    """

    path: str | None = None
    epochs: NonNegativeInt | Literal["auto"] = 0
    window: Annotated[int, Field(ge=1, le=50)] = 5
    negatives: PositiveInt = 5
    sample: Rate = 0.0001
    deviation: Positive = 0.4
    ngrams: NonNegativeInt | Literal["auto"] = 0


class DistillParams(Section):
    """Soft labels of a teacher on unlabelled reviews, then passes on the labels alone."""

    epochs: NonNegativeInt = 0
    teacher: Literal["auto", "bags"] = "auto"
    learning_rate: StepSize = 0.002
    dropout_scale: Annotated[float, Field(ge=0, le=1)] = 0.5
    label_epochs: NonNegativeInt = 2
    label_learning_rate: StepSize = 0.0007
