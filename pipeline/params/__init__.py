"""What params.yaml may say: one schema judges every value before any work starts. Nothing here reads data."""

# ruff: noqa: F401 - what the other rooms take from here
from pipeline.params.data import CORPORA, DataParams, PadParams
from pipeline.params.schema import (
    PARAMS_FILE,
    PRESET_VARIABLE,
    SEARCHED,
    Params,
    load_params,
    parse_params,
    preset_names,
    preset_of,
    read_preset,
)
from pipeline.params.study import Choices, ClusterParams, DepthParams, Range
from pipeline.params.training import ModelParams, TrainParams, VectorParams
from pipeline.params.values import CUDNN_CELLS, Cell, ParamsError, Skip, Value, is_number, parse_yaml
