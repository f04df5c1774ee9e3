"""Words and their ids."""

# ruff: noqa: RUF001 - characters that look like others are what this is about
from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.reviews.vocabulary import Vocabulary, split_words
from texts import vocabulary_of


def test_words_are_cut_as_keras_cuts_them() -> None:
    assert split_words("It's GREAT,isn't\tit?\n(10/10)") == ["it's", "great", "isn't", "it", "10", "10"]
    assert split_words("!?") == []


def test_only_the_space_separates_words() -> None:
    """As in Keras: str.split() would cut at these two as well, and the served ids would be others."""
    assert split_words("fine\xa0film etc\x85") == ["fine\xa0film", "etc\x85"]


def test_words_are_ranked_by_count_then_by_first_appearance() -> None:
    vocabulary = vocabulary_of(["b a c", "c d", "C"])
    assert vocabulary.words == ("c", "b", "a", "d")


def test_ids_begin_at_four_and_an_unknown_word_is_two() -> None:
    vocabulary = Vocabulary(("the", "film"))
    assert vocabulary.encode("The film, the END") == [4, 5, 4, 2]


def test_decode_leaves_out_padding_and_start() -> None:
    assert Vocabulary(("the", "film")).decode([0, 0, 1, 4, 2, 5]) == "the [OOV] film"


@pytest.mark.parametrize("token_id", [-1, 3, 6])
def test_decode_refuses_an_id_that_is_no_word(token_id: int) -> None:
    with pytest.raises(ValueError, match=f"token id {token_id} is no word of this vocabulary of 2 words"):
        Vocabulary(("the", "film")).decode([token_id])


def test_save_and_load_keep_the_order(tmp_path: Path) -> None:
    vocabulary = Vocabulary(("zebra", "äpfel", "it's"))
    vocabulary.save(tmp_path / "words.json")
    saved = json.loads((tmp_path / "words.json").read_text(encoding="utf-8"))
    assert saved == {"normalization": "nfkc-1", "words": ["zebra", "äpfel", "it's"]}
    assert Vocabulary.load(tmp_path / "words.json") == vocabulary
    assert Vocabulary.load(tmp_path / "words.json").first(2) == Vocabulary(("zebra", "äpfel"))


def test_a_normalization_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text('{"normalization": "nfkc-9", "words": ["film"]}')
    with pytest.raises(ValueError, match=r"normalization 'nfkc-9', but this code has only nfkc-1: use"):
        Vocabulary.load(path)


@pytest.mark.parametrize(
    "typed",
    [
        "It’s a “superb” film — the end… finally",
        "It's a «superb» film – the end... finally",
        '\ufeffIt\'s a "superb"\r\nfilm\rthe end finally\r\n',
        'It\'s\xa0a "superb"\u202ffilm,\u3000the\u2028end\u200bfinally',
        "It´s a „superb‟ \ufb01lm―the ｅｎｄ， fi\xadnally",
        "ITʼS A ‹SUPERB› FILM‑THE END\u2060 FINALLY\x0b",
    ],
)
def test_a_text_has_the_same_ids_however_it_was_typed(typed: str) -> None:
    plain = 'It\'s a "superb" film - the end... finally'
    vocabulary = vocabulary_of([plain])
    assert vocabulary.words == ("it's", "a", "superb", "film", "the", "end", "finally")
    assert vocabulary.encode(typed) == vocabulary.encode(plain) == [4, 5, 6, 7, 8, 9, 10]
    assert vocabulary_of([typed]) == vocabulary


def test_imdbs_words_are_those_of_keras_as_typed() -> None:
    vocabulary = Vocabulary(("film", "it’s", "\x96"))
    assert vocabulary.encode_as_keras("It’s\ta film\xa0 \x96 it's FILM") == [5, 6, 4]


@pytest.mark.parametrize(
    "content", ['{"the": 1}', '["the"]', '{"words": ["the", 2]}', '{"words": "the"}', "5"]
)
def test_load_refuses_what_is_no_list_of_words(tmp_path: Path, content: str) -> None:
    (tmp_path / "words.json").write_text(content)
    with pytest.raises(ValueError, match="must hold a JSON list of words"):
        Vocabulary.load(tmp_path / "words.json")


def test_a_word_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'the' stands 2 times"):
        Vocabulary(("film", "the", "the"))
