"""Texts brought into one form and cut, and their ids in training and in serving."""

# ruff: noqa: RUF001 - characters that look like others are what this is about
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.params import Params, ParamsError
from pipeline.reviews import encoding
from pipeline.reviews.padding import pad_texts
from pipeline.reviews.tokenizing import Tokenizer, nfkc_1, spaced_words, split_words
from pipeline.reviews.vocabulary import Vocabulary
from reviews.own_files import load, table, write
from texts import vocabulary_of


def test_how_it_was_typed_is_gone() -> None:
    plain = {
        "“a” ‘b’ „c‟ «d» ‹e›": '"a" \'b\' "c" "d" "e"',
        "a‐b‑c–d—e―f−g": "a-b-c-d-e-f-g",
        "wait… what": "wait... what",
        "line\r\nline\rline": "line \nline line",
        "\ufefftext": "text",
        "a\xa0b\u2009c\u2028d\u202fe\u3000f\u200bg\x0bh": "a b c d e f g h",
        "co\xadope\u2060rate": "cooperate",
        "cafe\u0301": "café",
        "\ufb01ne Ｗｉｄｅ": "fine Wide",
        "It´s, itʼs": "It's, it's",
        "می\u200cخواهم": "می\u200cخواهم",
        "plain 'text', \"as\" it-is:\t(10/10)\n": "plain 'text', \"as\" it-is:\t(10/10)\n",
        "etc\x85 \x96": "etc\x85 \x96",
    }
    assert {typed: nfkc_1(typed) for typed in plain} == plain


def test_a_normalized_text_stays_as_it_is_for_every_character() -> None:
    """Each on a line of its own, over which nothing is composed."""
    once = nfkc_1("\n".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000))
    assert nfkc_1(once).split("\n") == once.split("\n")


def test_the_fast_cut_of_ascii_texts_is_the_slow_one() -> None:
    random = np.random.default_rng(1)
    for _ in range(300):
        text = bytes(random.integers(0, 128, 40).astype(np.uint8)).decode("ascii")
        assert spaced_words(text).split() == split_words(nfkc_1(text))


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
    assert vocabulary == vocabulary_of(TRAINING, "subwords", 60)
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
    rows = pad_texts(texts, vocabulary.first(30), **layout).tolist()
    # Of the whole vocabulary the ids from 34 on are unknown too.
    for same in (loaded, pickle.loads(pickle.dumps(loaded)), vocabulary):  # noqa: S301
        assert pad_texts(texts, same, **layout).tolist() == rows


def test_a_file_is_read_as_params_say(tmp_path: Path) -> None:
    rows = [f"{text},{'无聊' in text},{'train' if row < 12 else 'test'}" for row, text in enumerate(TRAINING)]
    path = write(tmp_path, "zh.csv", table(rows, "text,label,split"))
    dataset = load(path, split_column="split", tokens="characters")
    assert dataset.facts("file")["tokens"] == "characters"
    assert set(dataset.vocabulary.words) == set("".join(TRAINING[:12]))  # of the training texts alone
    assert dataset.splits["test"].lengths.tolist() == [len(text) for text in TRAINING[12:]]


def test_what_cannot_be_cut_so_is_one_clear_error(tmp_path: Path) -> None:
    held = len(set("".join(TRAINING))) + 2  # and the blank that begins a word, and the unknown one
    with pytest.raises(ParamsError, match=r"data.tokens is subwords, but data.source is imdb, which Keras"):
        Params().replace({"data.tokens": "subwords"})
    with pytest.raises(ValueError, match=f"16 texts: their characters alone are {held}: raise data.sub"):
        vocabulary_of(TRAINING, "subwords", 5)
    with pytest.raises(ValueError, match="learnt from 2 texts: there is nothing in them"):
        vocabulary_of(["", " "], "subwords", 5)
    damaged = '{"normalization": "nfkc-1", "tokens": "subwords", "subwords": "AAAA", "words": ["a"]}'
    with pytest.raises(ValueError, match="subwords can't be read, its file is damaged: make it again"):
        Vocabulary.load(write(tmp_path, "vocabulary.json", damaged)).encode("a")


def test_of_many_texts_every_so_many_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """97 characters, of which 40 are read from: every third text, whose letters alone are then known."""
    monkeypatch.setattr(encoding, "_LEARNT_FROM", 40)
    texts = ["abcd abc", "vwxy vwx", "zzyy zzy"] * 4
    vocabulary = vocabulary_of(texts, "subwords")
    assert vocabulary.tokenizer == vocabulary_of(["abcd abc"] * 4, "subwords").tokenizer
