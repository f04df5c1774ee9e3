"""Classes and their names: which of the values in a label column mean which class."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.runtime.errors import UserError

UNUSABLE = -1  # no label at all, or a value that data.labels doesn't name
LEFT_OUT = -2  # a value that data.labels maps to null
MOST = 100  # classes; a column of more different values is hardly one of labels
_SHOWN, _LONGEST = 20, 40  # labels, and characters of one, in a message

# Spellings of two classes whose order is known, so that the second is what is looked for.
_SPELLINGS = {
    "0": 0, "false": 0, "no": 0, "neg": 0, "negative": 0,
    "1": 1, "true": 1, "yes": 1, "pos": 1, "positive": 1,
}  # fmt: skip
_WHOLE = re.compile(r"(-?(?:0|[1-9][0-9]*))(?:\.0)?")  # 1 and 1.0; 01, 1_0 and 1e1 are texts


@dataclass(frozen=True)
class Classes:
    """The classes of a label column.

    Attributes:
        names: as the user writes them, class 0 first.
        numbers: the class of each value, folded; LEFT_OUT for those to be left out.
        merged: the spellings that were taken for one, of each class that has several.
    """

    names: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    merged: tuple[str, ...] = ()


def fold(value: object) -> str | None:
    """One form for values that mean the same class; None where there is no label.

    >>> fold(" Ham "), fold("1.0"), fold(1), fold(Decimal("1.0")), fold("01"), fold(True), fold("")
    ('ham', '1', '1', '1', '01', 'true', None)
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value == int(value) else str(float(value))
    return _plain(value).casefold() if isinstance(value, str) and value.strip() else None


def key_of(value: object) -> str:
    """One form for what names a row: a column with gaps has 7.0 where another table has 7 or "7".

    >>> key_of(7), key_of(7.0), key_of(" 7.0 "), key_of("007"), key_of("Ham")
    ('7', '7', '7', '007', 'Ham')
    """
    return str(fold(value)) if isinstance(value, int | float | Decimal) else _plain(str(value))


def _plain(text: str) -> str:
    whole = _WHOLE.fullmatch(text.strip())
    return whole[1] if whole else text.strip()


def spellings_of(names: Sequence[str]) -> dict[str | None, str]:
    """The name of each folded value that means one of a version's labels, as when it was trained.

    >>> spellings_of(["0", "1"])["true"], spellings_of(["ham", "spam"])
    ('1', {'ham': 'ham', 'spam': 'spam'})
    """
    by_key: dict[str | None, str] = {fold(name): name for name in names}
    if set(by_key) <= set(_SPELLINGS):
        by_class = {_SPELLINGS[str(key)]: name for key, name in by_key.items()}
        if len(by_class) == len(names) == 2:
            return {key: by_class[number] for key, number in _SPELLINGS.items()}
    return by_key


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
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for value in values:
        if (key := fold(value)) is not None:
            spellings[key][str(value).strip()] += 1
    if wanted is not None:
        of_values = wanted if isinstance(wanted, Mapping) else dict(zip(wanted, wanted, strict=True))
        names = tuple(dict.fromkeys(name for name in of_values.values() if name is not None))
        if not 2 <= len(names) <= MOST or len(of_values) != len(wanted):
            raise UserError(f"data.labels must name 2 to {MOST} classes, each once, but names {list(wanted)}")
        numbers = {
            key: LEFT_OUT if name is None else names.index(name)
            for value, name in of_values.items()
            if (key := fold(value)) is not None
        }
        if len(numbers) < len(of_values):
            raise UserError(
                f"data.labels names a value twice, in spellings that mean the same: {list(of_values)}"
            )
        return Classes(names, numbers, _several(spellings.values()))
    is_known = set(spellings) <= set(_SPELLINGS)
    numbers = {
        key: _SPELLINGS[key] if is_known else number
        for number, key in enumerate(sorted(spellings, key=_order))
    }
    counts: dict[int, Counter[str]] = {number: Counter() for number in sorted(set(numbers.values()))}
    for key, number in numbers.items():
        counts[number] += spellings[key]
    names = tuple(count.most_common(1)[0][0] for count in counts.values())
    if not 2 <= len(counts) <= MOST:
        shown = [
            f"{name if len(name) <= _LONGEST else f'{name[:_LONGEST]}...'!r} ({count.total():,} rows)"
            for name, count in zip(names[:_SHOWN], counts.values(), strict=False)
        ]
        more = ["..."] * (len(counts) > _SHOWN)
        raise UserError(
            f"data.labels is null, so that the labels found are the classes, but there are {len(counts):,}: "
            f"{', '.join(shown + more)}; 2 to {MOST} are possible: name them in data.labels, such as "
            "{1: bad, 2: bad, 3: null, 4: good, 5: good}, where null leaves rows out"
        )
    return Classes(names, numbers, _several(counts.values()))


def _several(counts: Iterable[Counter[str]]) -> tuple[str, ...]:
    """``'Ham' (2), 'ham' (1)`` of each class that has more than one spelling."""
    return tuple(
        ", ".join(f"{spelling!r} ({number:,})" for spelling, number in each.most_common(_SHOWN))
        for each in counts
        if len(each) > 1
    )


def _order(key: str) -> tuple[float, str]:
    """Numbers by their value, before all others by the alphabet."""
    return float(key) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", key) else math.inf, key
