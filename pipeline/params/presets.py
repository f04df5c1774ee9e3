"""Named sets of values over params.yaml: one YAML file each in presets/, in params.yaml's own form.

A preset isn't remembered by its name, which a later change of params.yaml would make untrue: the preset of
a run is the one whose values the run has (:func:`preset_of`).
"""

from __future__ import annotations

from pathlib import Path

from pipeline.params.schema import Params
from pipeline.params.values import ParamsError, Value, read_yaml

PRESETS = Path("presets")
PRESET_VARIABLE = "PIPELINE_PRESET"  # of the environment: the preset that `run` was asked for


def preset_names(folder: Path = PRESETS) -> list[str]:
    """The presets that there are, by name."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def read_preset(name: str, folder: Path = PRESETS) -> dict[str, Value]:
    """The values of a preset, by dotted key; a list is a tuple, as in ``Params``.

    Raises:
        ParamsError: if there is no such preset, or its file isn't a mapping of sections; whether keys and
            values are good is judged with the rest of the params.
    """
    if name not in preset_names(folder):
        names = ", ".join(preset_names(folder)) or f"none in {folder}"
        raise ParamsError(f"command line: there is no preset {name!r}; there are: {names}")
    tree = read_yaml(path := folder / f"{name}.yaml")
    if not isinstance(tree, dict):
        raise ParamsError(f"{path}: must map sections of params.yaml to values")
    flat: dict[str, Value] = {}
    for section, values in tree.items():
        if isinstance(values, dict):
            named = ((f"{section}.{name}", value) for name, value in values.items())
            flat |= {key: tuple(value) if isinstance(value, list) else value for key, value in named}
        else:
            flat[section] = values
    return flat


def preset_of(params: Params, folder: Path = PRESETS) -> str | None:
    """The name of the preset whose values ``params`` has; of several, the one that says most.

    Raises:
        ParamsError: if a file of ``folder`` can't be read.
    """
    values = params.flat()
    presets = {name: read_preset(name, folder) for name in preset_names(folder)}
    held = {
        name: len(preset)
        for name, preset in presets.items()
        if all(key in values and values[key] == value for key, value in preset.items())
    }
    return max(held, key=held.__getitem__, default=None)
