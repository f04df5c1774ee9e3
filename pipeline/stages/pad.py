"""Stage pad: from data/raw to rows of one length in data/padded, split into train, validation and test."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from pipeline.params import Params
from pipeline.reviews.dataset import content_digest, read_splits
from pipeline.reviews.padding import pad_tokens
from pipeline.reviews.ragged import Reviews
from pipeline.reviews.splitting import Split, split_reviews
from pipeline.runtime.files import read_arrays, read_json, write_arrays, write_json
from pipeline.runtime.paths import PADDED_DATASET, RAW_DATASET, RAW_DIR, RAW_REVIEWS, padded_split


def run(params: Params) -> None:
    """Writes data/padded/{train,validation,test}.npz and dataset.json.

    Each .npz holds ``token_ids`` int32 (num_reviews, max_length), ``labels`` int8, ``lengths`` int32 (tokens
    before truncation, START_ID included) and ``rows`` int64 (in the raw split), all (num_reviews,).

    Raises:
        ValueError: if data/raw is missing or broken, or holds too few reviews to split.
    """
    facts, raw = read_raw()
    splits, duplicates = split_reviews(raw, params.pad.validation_fraction, params.seed)
    padded = {name: padded_arrays(split, params) for name, split in splits.items()}
    for name, values in padded.items():
        write_arrays(padded_split(name), **values)
    flat = {f"{split}_{name}": array for split, values in padded.items() for name, array in values.items()}
    sizes = {name: len(split.rows) for name, split in splits.items()}
    layout = params.pad.model_dump(include={"vocab_size", "max_length", "padding", "truncating"})
    write_json(
        PADDED_DATASET,
        facts
        | layout
        | {
            "seed": params.seed,
            "raw_sizes": facts["sizes"],
            "sizes": sizes,
            "raw_splits": {name: split.source for name, split in splits.items()},
            "duplicates_dropped": duplicates,
            "positive_share": {name: float(split.reviews.labels.mean()) for name, split in splits.items()},
            "padded_digest": content_digest(flat),
        },
    )
    shown = ", ".join(f"{size:,} {split}" for split, size in sizes.items())
    dropped = sum(duplicates.values())
    print(f"pad: {facts['name']}: {shown} rows of {params.pad.max_length}; duplicates dropped: {dropped}")


def read_raw() -> tuple[dict[str, Any], dict[str, Reviews]]:
    """The data set's facts and its reviews by split."""
    try:
        return read_json(RAW_DATASET), read_splits(read_arrays(RAW_REVIEWS))
    except FileNotFoundError as error:
        raise ValueError(f"{error.filename} is missing: run the download stage first") from None
    except (EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{RAW_DIR} can't be read ({error}): run the download stage again") from None


def padded_arrays(split: Split, params: Params) -> dict[str, np.ndarray]:
    """What one split's .npz holds."""
    reviews, pad = split.reviews, params.pad
    token_ids = pad_tokens(
        reviews.tokens,
        reviews.offsets,
        vocab_size=pad.vocab_size,
        max_length=pad.max_length,
        padding=pad.padding,
        truncating=pad.truncating,
    )
    lengths = (reviews.lengths + 1).astype(np.int32)
    return {"token_ids": token_ids, "labels": reviews.labels, "lengths": lengths, "rows": split.rows}
