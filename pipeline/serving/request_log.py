"""A served model's own record of what it was asked: switched on by an environment variable.

`PIPELINE_REQUEST_LOG=FILE.jsonl` adds a line a text: time, length, unknown_share, probability, label and
version, which `python -m pipeline monitor FILE.jsonl` reads, and the `id` that the request gave it, by which
its true label is found later. The texts are written only if `PIPELINE_REQUEST_LOG_TEXTS=1` asks for them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pipeline.reviews.vocabulary import Vocabulary
from pipeline.serving.classifier import Scores

FILE, WITH_TEXTS = "PIPELINE_REQUEST_LOG", "PIPELINE_REQUEST_LOG_TEXTS"
ID = "id"  # a column of a request's table, and of the log


def log_request(
    texts: Sequence[str],
    scores: Scores,
    vocabulary: Vocabulary,
    version: str,
    ids: Sequence[Any] | None = None,
) -> None:
    """Adds a request to the log, if there is one; in a single write, so that processes don't mix theirs.

    Args:
        texts: of the request.
        scores: what was said of them.
        vocabulary: which splits them into words.
        version: which answered: models:/NAME/VERSION.
        ids: the request's own names of its texts, if it gave any.

    Raises:
        OSError: if the file can't be written to.
    """
    path = os.environ.get(FILE)
    if not path:
        return
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    lines = []
    said = zip(texts, scores.labels, scores.probabilities, scores.unknown_shares, strict=True)
    for place, (text, label, probability, unknown) in enumerate(said):
        row = {"time": moment, "length": len(vocabulary.split(text)), "unknown_share": float(unknown)}
        row |= {"probability": float(probability), "label": label, "version": version}
        row |= {} if ids is None else {ID: ids[place]}
        row |= {"text": text} if os.environ.get(WITH_TEXTS) == "1" else {}
        lines.append(json.dumps(row, default=str) + "\n")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, "".join(lines).encode())
    finally:
        os.close(handle)
