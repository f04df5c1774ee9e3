"""What params.yaml may say: one schema judges every value before any work starts. Nothing here reads data."""

from pipeline.params.data import DataParams, PadParams
from pipeline.params.schema import PARAMS_FILE, SEARCHED, Params, load_params, parse_params
from pipeline.params.study import Choices, ClusterParams, DepthParams, Range
from pipeline.params.training import ModelParams, TrainParams, VectorParams
from pipeline.params.values import Cell, ParamsError, Skip, Value, is_number, parse_yaml

__all__ = [
    "PARAMS_FILE",
    "SEARCHED",
    "Cell",
    "Choices",
    "ClusterParams",
    "DataParams",
    "DepthParams",
    "ModelParams",
    "PadParams",
    "Params",
    "ParamsError",
    "Range",
    "Skip",
    "TrainParams",
    "Value",
    "VectorParams",
    "is_number",
    "load_params",
    "parse_params",
    "parse_yaml",
]
