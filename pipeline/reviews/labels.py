"""Classes and their names: which of the values in a label column mean which class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.runtime.errors import UserError

MISSING = -2  # no label at all
MOST = 100  # classes; a column of more different values is hardly one of labels
_SHOWN, _LONGEST = 20, 40  # labels, and characters of one, in a message
UNKNOWN = -1  # a value that data.labels doesn't name
LEFT_OUT = -3  # a value that data.labels maps to null

# Spellings of two classes whose order is known, so that the second is what is looked for.
_SPELLINGS = {
    "0": 0, "false": 0, "no": 0, "neg": 0, "negative": 0,
    "1": 1, "true": 1, "yes": 1, "pos": 1, "positive": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Classes:
    """The classes of a label column.

    Attributes:
        names: as the user writes them, class 0 first.
        numbers: the class of each value, folded; LEFT_OUT for those to be left out.
    """

    names: tuple[str, ...]
    numbers: Mapping[str, int]

    def number(self, value: object) -> int:
        """The class of a value as it stands in the file, or MISSING, UNKNOWN or LEFT_OUT."""
        key = fold(value)
        return MISSING if key is None else self.numbers.get(key, UNKNOWN)


def fold(value: object) -> str | None:
    """One form for values that mean the same class; None where there is no label.

    >>> fold(" Ham "), fold("1.0"), fold(1), fold(True), fold("")
    ('ham', '1', '1', 'true', None)
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number(float(value)) if math.isfinite(value) else None
    if not isinstance(value, str) or not value.strip():
        return None
    text = value.strip().casefold()
    try:
        number = float(text)
    except ValueError:
        return text
    return _number(number) if math.isfinite(number) else text


def classes_of(values: Sequence[object], wanted: Mapping[str, str | None] | Sequence[str] | None) -> Classes:
    """The classes of a label column.

    Args:
        values: as they stand in the file, missing ones among them.
        wanted: ``data.labels``: the class of each value, null for those to be left out; or the classes in
            order; or None, where the values are the classes: numbers in their order, false before true,
            negative before positive, all others by the alphabet.

    Raises:
        UserError: if there is one class only, or more than MOST.
    """
    if isinstance(wanted, Mapping):
        names = tuple(dict.fromkeys(name for name in wanted.values() if name is not None))
        numbers = {
            key: LEFT_OUT if name is None else names.index(name)
            for value, name in wanted.items()
            if (key := fold(value)) is not None
        }
        return Classes(_distinct(names), numbers)
    if wanted is not None:
        return Classes(
            _distinct(tuple(wanted)),
            {key: number for number, name in enumerate(wanted) if (key := fold(name))},
        )
    spellings: dict[str, Counter[str]] = {}
    for value in values:
        key = fold(value)
        if key is not None:
            spellings.setdefault(key, Counter())[str(value).strip()] += 1
    numbers = _numbered(spellings)
    counts: dict[int, Counter[str]] = {number: Counter() for number in sorted(set(numbers.values()))}
    for key, number in numbers.items():
        counts[number] += spellings[key]
    if not 2 <= len(counts) <= MOST:
        shown = ", ".join(
            f"{_short(count.most_common(1)[0][0])} ({count.total():,} rows)"
            for count in list(counts.values())[:_SHOWN]
        )
        raise UserError(
            f"data.labels is null, so that the labels found are the classes, but there are {len(counts):,}: "
            f"{shown}{', ...' if len(counts) > _SHOWN else ''}; 2 to {MOST} are possible: name them in "
            "data.labels, such as {1: bad, 2: bad, 3: null, 4: good, 5: good}, where null leaves rows out"
        )
    return Classes(tuple(count.most_common(1)[0][0] for count in counts.values()), numbers)


def _short(name: str) -> str:
    return repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")


def _numbered(keys: Mapping[str, object]) -> dict[str, int]:
    if set(keys) <= set(_SPELLINGS):
        return {key: _SPELLINGS[key] for key in keys}
    return {key: number for number, key in enumerate(sorted(keys, key=_order))}


def _order(key: str) -> tuple[float, str]:
    try:
        return float(key), ""
    except ValueError:
        return math.inf, key


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if not 2 <= len(names) <= MOST or len(set(names)) != len(names):
        raise UserError(f"data.labels must name 2 to {MOST} classes, each once, but names {list(names)}")
    return names


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
