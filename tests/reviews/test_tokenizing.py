"""Texts cut into characters and subwords, and their ids in training and in serving."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pipeline.params import Params, ParamsError
from pipeline.reviews import encoding
from pipeline.reviews.padding import pad_texts
from pipeline.reviews.sources import file
from pipeline.reviews.tokenizing import Tokenizer
from pipeline.reviews.vocabulary import Vocabulary
from texts import vocabulary_of

TRAINING = [
    f"{subject}{verdict}"
    for subject in ("这部电影", "剧情", "演员的表演", "音乐")
    for verdict in ("很好看", "太无聊", "真的很好看", "太无聊了吧")
]


def test_characters_are_one_token_each_in_one_form_with_single_blanks() -> None:
    """NFKC makes one character of e and its accent, and plain ones of full width."""
    assert Tokenizer("characters").split(" Très  bon\n!") == list("très bon !")
    vocabulary = vocabulary_of(["好看。好", "无聊"], "characters")
    assert vocabulary.words[0] == "好"
    assert vocabulary.encode("好\u3000看") == [4, 2, 5]
    assert vocabulary.split("Tre\u0300s \uff22\uff2f\uff2e") == list("très bon")
    assert vocabulary.decode([1, 4, 5, 2]) == "好看[OOV]"


def test_subwords_are_learnt_on_the_training_texts_and_spell_any_text_of_their_characters() -> None:
    vocabulary = vocabulary_of(TRAINING, "subwords", 60)
    again = vocabulary_of(TRAINING, "subwords", 60)
    assert vocabulary == again
    pieces = vocabulary.split("音乐很好看")
    assert "".join(pieces).strip() == "音乐很好看"
    assert len(pieces) < 6  # fewer than characters: some are whole words
    assert max(map(len, vocabulary.words)) > 1
    assert vocabulary.decode(vocabulary.encode("音乐很好看")) == "音乐很好看"
    assert vocabulary.encode("鯨")[-1] == 2


def test_subwords_of_texts_with_blanks_know_where_words_begin() -> None:
    vocabulary = vocabulary_of(["the film was great fun"] * 9 + ["a great great film"] * 9, "subwords", 60)
    assert "".join(vocabulary.split("Great  FILM")) == " great film"
    assert vocabulary.decode(vocabulary.encode("a great film")) == "a great film"


@pytest.mark.parametrize("tokens", ["characters", "subwords"])
def test_what_was_saved_gives_the_same_rows(tmp_path: Path, tokens: str) -> None:
    vocabulary = vocabulary_of(TRAINING, tokens, 60)
    vocabulary.first(30).save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    layout = {"vocab_size": 34, "max_length": 8, "padding": "post", "truncating": "pre"}
    texts = ["演员很好看", "A 剧情,太无聊!", ""]
    rows = pad_texts(texts, vocabulary.first(30), **layout)
    assert pad_texts(texts, loaded, **layout).tolist() == rows.tolist()
    assert pad_texts(texts, pickle.loads(pickle.dumps(loaded)), **layout).tolist() == rows.tolist()  # noqa: S301
    assert pad_texts(texts, vocabulary, **layout).tolist() == rows.tolist()  # ids from 34 on are unknown too


def test_a_file_is_read_as_params_say(params: Params, tmp_path: Path) -> None:
    lines = [
        f"{text},{'无聊' in text},{'train' if row < 12 else 'test'}" for row, text in enumerate(TRAINING)
    ]
    (tmp_path / "zh.csv").write_text("\n".join(["text,label,split", *lines]), encoding="utf-8")
    values = {"data.source": "file", "data.path": str(tmp_path / "zh.csv"), "data.split_column": "split"}
    dataset = file.load(params.replace({**values, "data.tokens": "characters"}).data, seed=0)
    assert dataset.facts("file")["tokens"] == "characters"
    assert set(dataset.vocabulary.words) == set("".join(TRAINING[:12]))  # of the training texts alone
    assert dataset.splits["test"].lengths.tolist() == [len(text) for text in TRAINING[12:]]


def test_what_cannot_be_cut_so_is_one_clear_error(params: Params, tmp_path: Path) -> None:
    held = len(set("".join(TRAINING))) + 2  # and the blank that begins a word, and the unknown one
    with pytest.raises(ParamsError, match=r"data.tokens is subwords, but data.source is imdb, which Keras"):
        params.replace({"data.tokens": "subwords"})
    with pytest.raises(ValueError, match=f"16 texts: their characters alone are {held}: raise data.sub"):
        vocabulary_of(TRAINING, "subwords", 5)
    with pytest.raises(ValueError, match="learnt from 2 texts: there is nothing in them"):
        vocabulary_of(["", " "], "subwords", 5)
    path = tmp_path / "vocabulary.json"
    path.write_text('{"normalization": "nfkc-1", "tokens": "syllables", "words": []}')
    with pytest.raises(
        ValueError, match="made of 'syllables', but this code knows only words, characters, sub"
    ):
        Vocabulary.load(path)
    path.write_text('{"normalization": "nfkc-1", "tokens": "subwords", "subwords": "*", "words": []}')
    with pytest.raises(ValueError, match="its subwords are no base64; make it again"):
        Vocabulary.load(path)
    path.write_text('{"normalization": "nfkc-1", "tokens": "subwords", "subwords": "AAAA", "words": ["a"]}')
    with pytest.raises(ValueError, match="subwords can't be read, its file is damaged: make it again"):
        Vocabulary.load(path).encode("a")


def test_of_many_texts_every_so_many_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """97 characters, of which 40 are read from: every third text, whose letters alone are then known."""
    monkeypatch.setattr(encoding, "_LEARNT_FROM", 40)
    texts = ["abcd abc", "vwxy vwx", "zzyy zzy"] * 4
    vocabulary = vocabulary_of(texts, "subwords")
    assert vocabulary.tokenizer == vocabulary_of(["abcd abc"] * 4, "subwords").tokenizer
