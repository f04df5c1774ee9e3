"""Words and their ids."""

# ruff: noqa: RUF001 - characters that look like others are what this is about
import json
from pathlib import Path

import pytest

from pipeline.reviews.vocabulary import Vocabulary, split_words
from texts import vocabulary_of


def test_words_are_cut_as_keras_cuts_them() -> None:
    """At the space alone, and where it puts one: str.split() would give served texts other ids."""
    assert split_words("It's GREAT,isn't\tit?\n(10/10)") == ["it's", "great", "isn't", "it", "10", "10"]
    assert split_words("fine\xa0film etc\x85 !?") == ["fine\xa0film", "etc\x85"]


def test_words_are_ranked_by_count_then_by_first_appearance() -> None:
    assert vocabulary_of(["b a c", "c d", "C"]).words == ("c", "b", "a", "d")


TWO = Vocabulary(("the", "film"))


def test_ids_begin_at_four_and_an_unknown_word_is_two() -> None:
    assert TWO.encode("The film, the END") == [4, 5, 4, 2]
    assert TWO.decode([0, 0, 1, 4, 2, 5]) == "the [OOV] film"  # without padding and start


@pytest.mark.parametrize("token_id", [-1, 3, 6])
def test_decode_refuses_an_id_that_is_no_word(token_id: int) -> None:
    with pytest.raises(ValueError, match=f"token id {token_id} is no word of this vocabulary of 2 words"):
        TWO.decode([token_id])


def test_save_and_load_keep_the_order(tmp_path: Path) -> None:
    vocabulary = Vocabulary(("zebra", "äpfel", "it's"))
    vocabulary.save(tmp_path / "words.json")
    saved = json.loads((tmp_path / "words.json").read_text(encoding="utf-8"))
    assert saved == {"normalization": "nfkc-1", "words": ["zebra", "äpfel", "it's"]}
    assert Vocabulary.load(tmp_path / "words.json") == vocabulary
    assert Vocabulary.load(tmp_path / "words.json").first(2) == Vocabulary(("zebra", "äpfel"))


def test_a_text_has_the_same_ids_however_it_was_typed() -> None:
    plain = 'It\'s a "superb" film - the end... finally'
    typed = "IT´S\xa0a „superb‟ \ufb01lm―the ｅｎｄ… fi\xadnally\r\n"
    vocabulary = vocabulary_of([plain])
    assert vocabulary.words == ("it's", "a", "superb", "film", "the", "end", "finally")
    assert vocabulary.encode(typed) == vocabulary.encode(plain) == [4, 5, 6, 7, 8, 9, 10]
    assert vocabulary_of([typed]) == vocabulary


def test_imdbs_words_are_those_of_keras_as_typed() -> None:
    vocabulary = Vocabulary(("film", "it’s", "\x96"))
    assert vocabulary.encode_as_keras("It’s\ta film\xa0 \x96 it's FILM") == [5, 6, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        *((content, "must hold a JSON list of words") for content in ('{"the": 1}', '["the"]', "5")),
        ('{"words": ["the", 2]}', "must hold a JSON list of words"),
        ('{"words": "the"}', "must hold a JSON list of words"),
        ('{"normalization": "nfkc-9", "words": []}', "'nfkc-9', but this code has only nfkc-1: use"),
        (
            '{"normalization": "nfkc-1", "tokens": "syllables", "words": []}',
            "made of 'syllables', but .* only",
        ),
        ('{"normalization": "nfkc-1", "subwords": "*", "words": []}', "its subwords are no base64; make it"),
    ],
)
def test_load_refuses_what_is_no_vocabulary_that_it_knows(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "words.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        Vocabulary.load(tmp_path / "words.json")


def test_a_word_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="'the' stands 2 times"):
        Vocabulary(("film", "the", "the"))
