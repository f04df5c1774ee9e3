"""Keras reads its backend from the environment when it is imported; so it is chosen here, before that."""

import importlib.util
import os
import sys

from pipeline.params import TrainParams


def select_backend(train: TrainParams) -> None:
    """Sets the environment for ``train.backend``; call it before anything imports keras.

    Raises:
        ValueError: if keras is already imported with another backend, or the backend isn't installed.
    """
    backend = train.backend
    if "keras" in sys.modules:
        loaded = sys.modules["keras"].config.backend()
        if loaded != backend:
            raise ValueError(
                f"train.backend is {backend}, but keras is already imported with {loaded}: "
                "select the backend first, in a new process"
            )
        return
    if importlib.util.find_spec(backend) is None:
        raise ValueError(
            f"train.backend is {backend}, but {backend} isn't installed: "
            "pip install '.[jax]', or set train.backend to tensorflow"
        )
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
