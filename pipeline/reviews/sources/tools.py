"""What annotation tools, surveys and data programs write in ways of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

# Where there is no value: R, SQL, pandas and Python, spreadsheets.
MISSING_SPELLINGS = frozenset(
    {"NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null", "\\N", "nan", "NaN", "None"}
)
FASTTEXT_LABEL = "__label__"


def label_of(value: Any) -> Any:
    """The label of a list of one, as annotation tools write it; Label Studio's several are choices."""
    if isinstance(value, str) and value.startswith('{"choices":'):
        with suppress(json.JSONDecodeError):
            value = json.loads(value)
    if isinstance(value, dict) and isinstance(value.get("choices"), list):
        value = value["choices"]
    if isinstance(value, list):
        return value[0] if len(value) == 1 else value
    return value


def annotated_rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    """A task of Label Studio as a row an annotation, with columns named after its tags; or the record."""
    match record:
        case {"data": dict(data), "annotations": list(annotations)}:
            row = {"id": record.get("id")} | data
        case _:
            return [record]
    rows = []
    for annotation in annotations:
        match annotation:
            case {"result": list(results)} if not annotation.get("was_cancelled"):
                rows.append(dict(row))
                for result in results:
                    match result:
                        case {"from_name": str(name), "value": {"choices": choices}}:
                            rows[-1][name] = choices
    return rows or [row]


def fasttext_rows(lines: Iterable[str]) -> Iterator[tuple[int, str, list[str]]]:
    """The line that each row begins on, its text and its labels: ``__label__pos Fine.``

    doccano quotes a row, label and all, where its text holds a comma, a quote or a line break.
    """
    numbered = enumerate(lines, start=1)
    for number, line in numbered:
        text, labels = line, []
        if text.startswith(f'"{FASTTEXT_LABEL}'):
            while text.count('"') % 2 and (more := next(numbered, None)):
                text += more[1]
            text = text.strip().removeprefix('"').removesuffix('"').replace('""', '"')
        text = text.strip()
        while text.startswith(FASTTEXT_LABEL):
            label, _, text = text.partition(" ")
            labels.append(label.removeprefix(FASTTEXT_LABEL))
            text = text.lstrip()
        if line.strip():
            yield number, text, labels


def further_headers(header: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How many rows below the header hold no answers: two of Qualtrics, one of SurveyMonkey."""
    for number, fields in enumerate(rows, start=1):
        if any(fields) and all(each.startswith('{"ImportId"') for each in fields if each):
            return number
    return int(bool(rows) and header[0] == "Respondent ID" and rows[0][0] == "")


def class_names_of(metadata: Mapping[bytes, bytes], names: Sequence[str]) -> dict[str, list[str]]:
    """The names of classes that Hugging Face's datasets note down beside columns of their numbers."""
    features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
    return {
        name: features[name]["names"]
        for name in names
        if isinstance(features.get(name), dict) and features[name].get("_type") == "ClassLabel"
    }
