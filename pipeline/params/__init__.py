"""What params.yaml may say: one schema judges every value before any work starts. Nothing here reads data."""

from pipeline.params.schema import (
    PARAMS_FILE,
    Cell,
    Choices,
    ClusterParams,
    DataParams,
    DepthStudyParams,
    ModelParams,
    PadParams,
    Params,
    ParamsError,
    Range,
    TrainParams,
    Value,
    is_number,
    load_params,
    parse_params,
)

__all__ = [
    "PARAMS_FILE",
    "Cell",
    "Choices",
    "ClusterParams",
    "DataParams",
    "DepthStudyParams",
    "ModelParams",
    "PadParams",
    "Params",
    "ParamsError",
    "Range",
    "TrainParams",
    "Value",
    "is_number",
    "load_params",
    "parse_params",
]
