"""Stage pad: from data/raw to rows of one length in data/padded, split into train, validation and test."""

from __future__ import annotations

import zipfile
from typing import Any

import numpy as np

from pipeline.params import Params
from pipeline.reviews.dataset import content_digest, padded_arrays, read_splits
from pipeline.reviews.ragged import Ragged, Reviews
from pipeline.reviews.splitting import HELD_BACK, TRAIN, UNLABELLED, VALIDATION, drop_judged, split_reviews
from pipeline.reviews.vocabulary import INDEX_FROM, OOV_ID
from pipeline.runtime.errors import UserError
from pipeline.runtime.files import read_arrays, read_json, write_arrays, write_json
from pipeline.runtime.live import LiveLine, wrap
from pipeline.runtime.paths import (
    PADDED_DATASET,
    RAW_DATASET,
    RAW_DIR,
    RAW_REVIEWS,
    RAW_UNLABELLED,
    padded_split,
)


def run(params: Params) -> None:
    """Writes data/padded/{train,validation,test,unlabelled}.npz and dataset.json.

    Each .npz holds ``token_ids`` int32 (num_reviews, max_length); ``lengths`` int32 (tokens before
    truncation, START_ID included), ``rows`` int64 (in the raw split) and, but for the unlabelled, ``labels``
    int8, all (num_reviews,); and the whole reviews for what reads them uncut (word vectors, a teacher, a
    language model): ``tokens`` int32 (total_tokens,), without START_ID and with OOV_ID for ids from
    vocab_size on, and ``offsets`` int64 (num_reviews + 1,). Validation has ``held_back`` bool (num_reviews,)
    as well: which of its reviews no choice may see. Unlabelled reviews that stand among the
    validation or test reviews are left out.

    Raises:
        UserError: if data/raw is missing or broken, or holds too few reviews to split.
    """
    live = LiveLine()
    live.wait("pad: the reviews are split and padded")
    facts, raw, unlabelled = read_raw()
    splits, duplicates = split_reviews(
        raw, params.pad.validation_fraction, params.pad.held_back_fraction, params.seed, facts["labels"]
    )
    kept, judged = drop_judged(unlabelled, splits)
    pad = params.pad.of_reviews(splits[TRAIN].reviews.lengths + 1)
    padded = {name: padded_arrays(split.reviews, split.rows, pad) for name, split in splits.items()}
    padded[VALIDATION][HELD_BACK] = splits[VALIDATION].held_back
    padded[UNLABELLED] = padded_arrays(unlabelled.select(kept), kept, pad)
    for name, values in padded.items():
        write_arrays(padded_split(name), **values)
    flat = {f"{split}_{name}": array for split, values in padded.items() for name, array in values.items()}
    sizes = {name: len(split.rows) for name, split in splits.items()}
    cut = {name: _share(arrays["lengths"] > pad.row_length) for name, arrays in padded.items()}
    unknown = {name: _share(arrays["tokens"] == OOV_ID) for name, arrays in padded.items()}
    write_json(
        PADDED_DATASET,
        facts
        | pad.model_dump(include={"max_length", "padding", "truncating"})
        | {
            # A network has no more ids than there are words.
            "vocab_size": min(pad.vocab_size, facts["words"] + INDEX_FROM + 1),
            "seed": params.seed,
            "raw_sizes": facts["sizes"],
            "sizes": sizes,
            HELD_BACK: int(splits[VALIDATION].held_back.sum()),
            "raw_splits": {name: split.source for name, split in splits.items()},
            "duplicates_dropped": duplicates,
            "class_shares": {
                name: {label: _share(split.reviews.labels == at) for at, label in enumerate(facts["labels"])}
                for name, split in splits.items()
            },
            "cut_shares": cut,
            "unknown_shares": unknown,
            "unlabelled": facts[UNLABELLED]
            | {"raw_size": len(unlabelled), "size": len(kept), "duplicates_dropped": judged},
            "padded_digest": content_digest(flat),
        },
    )
    shown = ", ".join(f"{size:,} {name}" for name, size in (sizes | {UNLABELLED: len(kept)}).items())
    dropped = sum((duplicates | judged).values())
    length = f"{pad.max_length}{' (auto)' if pad is not params.pad else ''}"
    live.say(wrap(f"pad: {facts['name']}: {shown} rows of {length}; duplicates dropped: {dropped}"))
    of_cut, of_unknown = (
        ", ".join(f"{share:.1%} of {name}" for name, share in shares.items() if name != UNLABELLED)
        for shares in (cut, unknown)
    )
    live.say(wrap(f"pad: texts that are cut: {of_cut}; unknown {facts['tokens']}: {of_unknown}"))


def _share(flags: np.ndarray) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def read_raw() -> tuple[dict[str, Any], dict[str, Reviews], Ragged]:
    """The data set's facts, its reviews by split, and the unlabelled ones."""
    try:
        facts, splits = read_json(RAW_DATASET), read_splits(read_arrays(RAW_REVIEWS))
        unlabelled = read_arrays(RAW_UNLABELLED)
        return facts, splits, Ragged(unlabelled["tokens"], unlabelled["offsets"])
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is missing: run the download stage first") from None
    except (EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{RAW_DIR} can't be read ({error}): run the download stage again") from None
