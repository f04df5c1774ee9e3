"""Files as the named tools and corpora write them: what is read of each, or what is said."""

# ruff: noqa: RUF001 - typographic quotes are what this is about

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from pipeline.params import Params, Value
from pipeline.reviews.dataset import Dataset
from pipeline.reviews.findings import check, lines_of
from pipeline.reviews.sources import file
from reviews.sources.test_records import read, values, write


def load(params: Params, path: Path, **data: Value) -> Dataset:
    given: dict[str, Value] = {"data.source": "file", "data.path": str(path)}
    return file.load(params.replace(given | {f"data.{key}": value for key, value in data.items()}).data, 42)


def size(dataset: Dataset) -> int:
    return sum(map(len, dataset.splits.values()))


# readr 2.2 `write_tsv` and corpora such as SMS Spam: nothing is quoted, and 27" is an inch.
UNQUOTED = "label\ttext\n" + 'pos\t"Great film, he said\nneg\tfine\npos\tmeh\nneg\ta screen of 27"\n' * 3


def test_unquoted_tabs_are_refused_with_both_readings_and_read_where_that_is_said(
    params: Params, tmp_path: Path
) -> None:
    path = write(tmp_path, "sms.tsv", UNQUOTED)
    with pytest.raises(ValueError, match="can be read in two ways") as error:
        load(params, path)
    for said in ("quotes doubled", "no quoting", "data.quoting"):
        assert said in str(error.value)
    assert len(read(path, quoting="doubled")) == 3  # what any reader's default makes of 12 rows
    assert values(path, quoting="none")[::4] == [('"Great film, he said', "pos")] * 3
    assert size(load(params, path, quoting="none")) == 12


def test_rows_that_quotes_would_join_far_into_a_file_are_found_too(tmp_path: Path) -> None:
    content = "label\ttext\n" + "pos\tfine\n" * 3_000 + UNQUOTED.partition("\n")[2]
    with pytest.raises(ValueError, match="can be read in two ways, of which line 3002 tells"):
        read(write(tmp_path, "sms.tsv", content))


def test_unquoted_tabs_are_recognised_where_quoting_does_not_fit(tmp_path: Path) -> None:
    """UCI's sentences: 3,000 rows of `text<TAB>label`, some of which begin with a quote."""
    path = write(tmp_path, "a.tsv", 'text\tlabel\n"Great," he said\t1\nBad\t0\n27" wide\t0\n')
    assert values(path) == [('"Great," he said', "1"), ("Bad", "0"), ('27" wide', "0")]


def test_quoted_line_breaks_stay_in_their_text(tmp_path: Path) -> None:
    """pandas 3.1 `to_csv(sep="\\t")` and `to_csv()`: a text of several lines is quoted."""
    path = write(tmp_path, "a.tsv", 'text\tlabel\n"Good\nfilm"\tpos\nDull\tneg\n')
    assert values(path) == [("Good\nfilm", "pos"), ("Dull", "neg")]
    path = write(tmp_path, "a.csv", 'text,label\n"Good,\nfilm",pos\n"Dull, and\nlong, too",neg\n')
    assert values(path) == [("Good,\nfilm", "pos"), ("Dull, and\nlong, too", "neg")]


ROWS = [("Fine film", "pos"), ("Dull film", "neg")] * 4


@pytest.mark.parametrize("spelling", ["NA", "NULL", "\\N", "nan", "None"])  # R, SQL, MySQL, pandas, Python
def test_what_often_means_missing_is_refused_until_somebody_decides(
    params: Params, tmp_path: Path, spelling: str
) -> None:
    rows = "".join(
        f"{text},{label}\n" for text, label in [*ROWS, ("Whatever", spelling), ("So so", spelling)]
    )
    path = write(tmp_path, "a.csv", f"text,label\n{rows}")
    for bad_rows in ("error", "skip"):
        with pytest.raises(ValueError, match=r"line 10: column 'label' is .*\n.*line 11") as error:
            load(params, path, bad_rows=bad_rows)
        assert "data.missing" in str(error.value)
    with pytest.raises(ValueError, match="is no label: fill it in"):
        load(params, path, missing=(spelling,))
    dataset = load(params, path, missing=(spelling,), bad_rows="skip")
    assert (dataset.labels, size(dataset)) == (("neg", "pos"), 8)
    dataset = load(params, path, missing=())  # Namibia
    assert (set(dataset.labels), size(dataset)) == ({"neg", "pos", spelling}, 10)
    assert any("often mean that there is none: 1" in line for line in lines_of(check(dataset)))
    named = {"neg": "neg", "pos": "pos", spelling: "other"}
    assert load(params, path, labels=named).labels == ("neg", "pos", "other")


def test_a_text_that_often_means_missing_is_refused_too(params: Params, tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\n" + "Fine,1\nDull,0\n" * 4 + "NA,1\n")
    with pytest.raises(ValueError, match="line 10: column 'text' is 'NA'"):
        load(params, path)
    assert size(load(params, path, missing=("NA",), bad_rows="skip")) == 8
    assert size(load(params, path, missing=())) == 9


def test_columns_of_equal_and_empty_names_are_all_read(tmp_path: Path) -> None:
    """Kaggle's spam.csv and a join of tables."""
    path = write(tmp_path, "a.csv", "label,text,,score,score,\nham,Hi,x,1,2,y\n")
    [(_, row)] = read(path)
    assert list(row.values()) == ["ham", "Hi", "x", "1", "2", "y"]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("1_1", "11"), ("11", "1_1")),
        (("01", "1"), ("01", "1")),
        (("1e1", "10"), ("10", "1e1")),
        (("1", "0"), ("0", "1")),
        (("1.10", "1.1"), ("1.1", "1.10")),
    ],
)
def test_labels_are_one_class_only_in_the_plain_forms_of_a_number(
    params: Params, tmp_path: Path, labels: tuple[str, str], classes: tuple[str, str]
) -> None:
    rows = "".join(f"text n{row},{labels[row % 2]}\n" for row in range(8))
    assert load(params, write(tmp_path, "a.csv", f"text,label\n{rows}")).labels == classes


def test_merged_spellings_are_said(params: Params, tmp_path: Path) -> None:
    rows = "".join(
        f"text n{row},{label}\n" for row, label in enumerate(["Ham", "spam", "ham", "1", "1.0"] * 4)
    )
    dataset = load(params, write(tmp_path, "a.csv", f"text,label\n{rows}"))
    said = "\n".join(lines_of(check(dataset)))
    assert "labels in several spellings: 2" in said
    assert "'Ham' (4), 'ham' (4)" in said and "'1' (4), '1.0' (4)" in said


def test_files_of_other_programs_are_passed_over_and_said(params: Params, tmp_path: Path) -> None:
    """Jupyter's checkpoints, macOS' copies, lock files of LibreOffice and Excel, Spark's marks."""
    good = "text,label\n" + "Fine,1\nDull,0\n" * 4
    for name in (
        "a.csv",
        ".ipynb_checkpoints/a-checkpoint.csv",
        "._a.csv",
        "__MACOSX/._a.csv",
        ".~lock.a.csv#",
        "~$a.csv",
        "_temporary/b.csv",
    ):
        write(tmp_path / "mine", name, good)
    dataset = load(params, tmp_path / "mine")
    assert size(dataset) == 8
    said = "\n".join(lines_of(check(dataset)))
    assert "hidden files passed over: 5" in said and "a-checkpoint.csv" in said


def test_a_class_called_as_a_split_is_a_class(params: Params, tmp_path: Path) -> None:
    for label in ("bus", "train", "car"):
        for row in range(4):
            write(tmp_path / "travel", f"{label}/{row}.txt", f"By {label} n{row}")
    assert load(params, tmp_path / "travel").labels == ("bus", "car", "train")
    for split in ("train", "test"):
        write(tmp_path / "no_labels", f"{split}/0.txt", "Fine")
    with pytest.raises(ValueError, match="named after splits, and none after a label"):
        load(params, tmp_path / "no_labels")


def test_sparks_backslashes_escape_within_quotes_only(tmp_path: Path) -> None:
    """Spark 4.3 `write.csv(header=True)`: a quote is escaped, and a backslash in quoted fields alone."""
    content = 'text,label\nC:\\new,1\n"He said \\"no\\" at C:\\\\new, twice",0\nends in \\,1\n"a\nb \\"",0\n'
    assert values(write(tmp_path, "part-0.csv", content)) == [
        ("C:\\new", "1"),
        ('He said "no" at C:\\new, twice', "0"),
        ("ends in \\", "1"),
        ('a\nb "', "0"),
    ]


def test_pandas_backslashes_escape_everywhere(tmp_path: Path) -> None:
    """pandas 3.1 `to_csv(doublequote=False, escapechar="\\\\")`: a quote alone asks for no quotes around."""
    content = 'text,label\n"Fine, but \\"long\\"",1\nC:\\\\new 27\\",0\n'
    assert values(write(tmp_path, "a.csv", content)) == [('Fine, but "long"', "1"), ('C:\\new 27"', "0")]


def test_a_partitioned_folder_has_its_columns(params: Params, tmp_path: Path) -> None:
    """pandas 3.1 `to_parquet(partition_cols=["label"])`, Spark's `partitionBy`, DuckDB's `PARTITION_BY`."""
    for label in ("neg", "pos", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "mine" / f"label={label}" / "split=train"
        folder.mkdir(parents=True)
        table = pyarrow.table({"text": [f"{label} n{row}" for row in range(4)]})
        pyarrow.parquet.write_table(table, folder / "part-0.parquet")
    dataset = load(params, tmp_path / "mine", bad_rows="skip")
    assert (dataset.labels, size(dataset)) == (("neg", "pos"), 8)
    assert dataset.reading["rows_skipped"] == 4
    write(
        tmp_path / "polars", "label=neg/0.csv", "text,label\nFine,neg\n"
    )  # 2.1 keeps it in the file as well
    assert values(tmp_path / "polars") == [("Fine", "neg")]
    write(tmp_path / "csv", "label=a%20b/0.csv", "text,more\nFine,1\n")
    assert values(tmp_path / "csv") == [("Fine", "a b")]


QUALTRICS = (
    "StartDate,Q1,Q2\nStart Date,What did you think?,Would you recommend it?\n"
    '"{""ImportId"":""startDate""}","{""ImportId"":""QID1_TEXT""}","{""ImportId"":""QID2""}"\n'
    "2026-01-02 10:00:00,Fine,Yes\n"
)
SURVEYMONKEY = (
    "Respondent ID,Collector ID,What did you think?,Recommend?,\n"
    ",,Open-Ended Response,Yes,No\n11,2,Fine,Yes,\n"
)


@pytest.mark.parametrize(
    ("content", "text", "place"),
    [(QUALTRICS, "Q1", "line 4"), (SURVEYMONKEY, "What did you think?", "line 3")],
)
def test_the_further_header_rows_of_surveys_are_no_answers(
    tmp_path: Path, content: str, text: str, place: str
) -> None:
    [(where, row)] = read(write(tmp_path, "survey.csv", content), text)
    assert (where, row[text]) == (place, "Fine")


def test_a_json_line_without_the_key_is_a_row_without_a_value(params: Params, tmp_path: Path) -> None:
    """Spark 4.3, MongoDB and Label Studio's JSON_MIN leave out what is missing."""
    lines = [{"text": f"Fine n{row}", "label": row % 2} for row in range(8)] + [
        {"text": "no label"},
        {"label": 1},
    ]
    path = write(tmp_path, "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(
        ValueError, match=r"line 9: column 'label' is None.*\n.*line 10: column 'text' is None"
    ):
        load(params, path)
    dataset = load(params, path, bad_rows="skip")
    assert (size(dataset), dataset.reading["rows_skipped"]) == (8, 2)


def test_a_label_may_be_a_list_of_one_a_decimal_or_bytes(params: Params, tmp_path: Path) -> None:
    """doccano 1.8.4's JSONL; DuckDB 2.0's `1.0`; pandas' bytes."""
    path = write(
        tmp_path,
        "all.jsonl",
        "".join(
            json.dumps({"id": row, "text": f"n{row}", "label": [["pos"], ["neg"]][row % 2], "Comments": []})
            + "\n"
            for row in range(8)
        ),
    )
    assert load(params, path).labels == ("neg", "pos")
    with path.open("a") as more:
        more.write('{"text": "both", "label": ["neg", "pos"]}\n{"text": "none", "label": []}\n')
    with pytest.raises(
        ValueError, match=r"line 9: column 'label' is \['neg', 'pos'\], which holds 2 labels"
    ) as error:
        load(params, path)
    assert "line 10: column 'label' is [], which is no label" in str(error.value)
    for name, labels in {
        "decimal": [Decimal("1.0"), Decimal("0.0")] * 4,
        "bytes": [b"1", b"0"] * 4,
        "list": [["1"], ["0"]] * 4,
    }.items():
        table = pyarrow.table({"text": [f"n{row}".encode() for row in range(8)], "label": labels})
        pyarrow.parquet.write_table(table, tmp_path / f"{name}.parquet")
        dataset = load(params, tmp_path / f"{name}.parquet")
        assert [str(label)[0] for label in dataset.labels] == ["0", "1"]
        assert size(dataset) == 8


JSON = [{"text": "Fine", "label": "pos"}, {"text": "Dull\nfilm", "label": "neg"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("duckdb.json", "".join(json.dumps(row) + "\n" for row in JSON)),  # DuckDB 2.0 COPY TO, Spark, Yelp
        ("polars.json", json.dumps(JSON)),  # polars 2.1 write_json, pandas 3.1 orient="records"
        ("pretty.json", json.dumps(JSON, indent=2)),
        ("polars.ndjson", "".join(json.dumps(row) + "\n" for row in JSON)),
    ],
)
def test_json_of_either_kind(tmp_path: Path, name: str, content: str) -> None:
    expected = [("Fine", "pos"), ("Dull\nfilm", "neg")]
    assert values(write(tmp_path, name, content)) == expected
    assert values(write(tmp_path, f"{name}.gz", gzip.compress(content.encode()))) == expected
    assert values(write(tmp_path, f"{name}.zst", zstandard.compress(content.encode()))) == expected


def test_label_studios_tasks(tmp_path: Path) -> None:
    """Its JSON of 1.23.2: a row an annotation, of which a skipped one is none; JSON_MIN's two choices."""

    def annotation(*choices: str, **more: object) -> dict[str, object]:
        result = {
            "from_name": "sentiment",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": [*choices]},
        }
        return {"id": 1, "was_cancelled": False, "result": [result] if choices else []} | more

    tasks = [
        {"id": 1, "data": {"text": "Fine"}, "annotations": [annotation("Positive"), annotation("Negative")]},
        {"id": 2, "data": {"text": "Dull"}, "annotations": [annotation("Negative", was_cancelled=True)]},
        {"id": 3, "data": {"text": "So so"}, "annotations": [annotation("Positive", "Negative")]},
    ]
    path = write(tmp_path, "project.json", json.dumps(tasks))
    assert values(path, "text", "sentiment") == [
        ("Fine", "Positive"),
        ("Fine", "Negative"),
        ("Dull", None),
        ("So so", ["Positive", "Negative"]),
    ]
    two = {"text": "So so", "sentiment": {"choices": ["Positive", "Negative"]}}
    assert values(write(tmp_path, "min.json", json.dumps([two])), "text", "sentiment") == [
        ("So so", ["Positive", "Negative"])
    ]


def test_fasttexts_lines(params: Params, tmp_path: Path) -> None:
    """And doccano 1.8.4's, which quotes a line, label and all, where the text has a comma or a quote."""
    content = '__label__pos Fine film\n"__label__neg Dull, and ""long"""\n__label__a __label__b both\n'
    path = write(tmp_path, "train.txt", content)
    assert values(path) == [("Fine film", "pos"), ('Dull, and "long"', "neg"), ("both", ["a", "b"])]
    for split in ("train", "test"):
        write(tmp_path / "mine", f"{split}.txt", "__label__pos Fine\n__label__neg Dull\n" * 2)
    dataset = load(params, tmp_path / "mine")
    assert {name: len(reviews) for name, reviews in dataset.splits.items()} == {"train": 4, "test": 4}


@pytest.mark.parametrize(("name", "reader"), [("a.xlsx", "read_excel"), ("a.dta", "read_stata")])
def test_other_kinds_are_told_the_command_that_converts_them(tmp_path: Path, name: str, reader: str) -> None:
    write(tmp_path, name, b"PK")
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(ValueError, match=rf"pandas\.{reader}\('{name}'\)\.to_csv\('a\.csv'"):
            read(path)


def test_class_names_beside_a_parquet_column_are_used(params: Params, tmp_path: Path) -> None:
    """datasets 5.2 `to_parquet`: the names stand in the schema's metadata; -1 is no label."""
    names = {"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}
    table = pyarrow.table({"text": [f"n{row}" for row in range(9)], "label": [1, 0] * 4 + [-1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(names)})
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    dataset = load(params, tmp_path / "train.parquet", bad_rows="skip")
    assert (dataset.labels, size(dataset)) == (("bad", "good"), 8)


def test_ways_out_are_named(params: Params, tmp_path: Path) -> None:
    """The archive aclImdb itself, the Hub's unsupervised parts, `dev` beside train and test."""
    for name in ("train/neg", "train/pos", "train/unsup", "test/neg", "test/pos"):
        write(tmp_path / "aclImdb", f"{name}/0_1.txt", f"A film {name}")
    with pytest.raises(
        ValueError, match=r"test split holds no review labelled unsup.* data\.labels, with null"
    ):
        load(params, tmp_path / "aclImdb")
    kept = {"neg": "neg", "pos": "pos", "unsup": None}
    assert load(params, tmp_path / "aclImdb", labels=kept).labels == ("neg", "pos")
    rows = "text,label\n" + "Fine,1\nDull,0\n" * 2
    for name in ("train", "test", "dev"):
        write(tmp_path / "glue", f"{name}.csv", rows)
    assert set(load(params, tmp_path / "glue").splits) == {"train", "test", "validation"}
    write(tmp_path / "glue", "unsupervised-00000-of-00001.csv", rows)
    with pytest.raises(ValueError, match=r"unsupervised-00000.*data\.unlabelled_path"):
        load(params, tmp_path / "glue")


def test_where_no_row_can_be_read_the_message_speaks_of_the_rows(params: Params, tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", "Fine\nDull\n")
    with pytest.raises(ValueError, match=r"line 1: not valid JSON.*\n.*line 2: not valid JSON") as error:
        load(params, path)
    assert "data.labels" not in str(error.value)
    with pytest.raises(
        ValueError, match="none of its 2 rows can be used, the first because of line 1: not valid"
    ):
        load(params, path, bad_rows="skip")


def test_blanks_after_delimiters_hide_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", 'text, label, more\n"Fine, and long", pos, 1\nDull, neg, 2\n')
    assert values(path) == [("Fine, and long", "pos"), ("Dull", "neg")]
    path = write(tmp_path, "b.csv", '"text", "label"\n"Fine, and long", "pos"\n')
    assert values(path) == [("Fine, and long", "pos")]


def test_packed_texts_are_read_as_others_are(tmp_path: Path) -> None:
    write(tmp_path / "mine", "pos/0.txt.gz", gzip.compress("Déjà vu, été".encode("cp1252")))
    write(tmp_path / "mine", "neg/0.txt", "\ufeffDull")
    assert values(tmp_path / "mine") == [("Dull", "neg"), ("Déjà vu, été", "pos")]


def test_texts_of_another_encoding_are_named_themselves(params: Params, tmp_path: Path) -> None:
    for row in range(3):
        write(tmp_path / "mine", f"neg/{row}.txt", f"plain {row}")
    write(tmp_path / "mine", "pos/7.txt", "idő".encode("cp1250"))
    with pytest.raises(ValueError, match=r"pos/7\.txt is not UTF-8 text, and can be read in two ways"):
        load(params, tmp_path / "mine")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("café", "cp1252"),  # what western spreadsheets write
        ("Très bien\nFür mich\nEl niño está aquí", "cp1252"),
        ("It’s “fine” – 5 €", "cp1252"),
        ("Zażółć gęślą jaźń", "cp1250"),
        ("Příliš žluťoučký kůň", "cp1250"),
        ("Ez a főzés nagyon jó, hűvös idő volt", "cp1250"),
        ("Очень хороший фильм, всем советую", "cp1251"),
        ("Очень хороший фильм, всем советую", "koi8_u"),
        ("Πολύ καλή ταινία, τη συνιστώ", "cp1253"),
        ("Çok güzel bir film, şiddetle öneririm", "cp1254"),
        ("فيلم رائع جدا أنصح به", "cp1256"),
        ("café bon, Für mich", "mac_roman"),
    ],
)
def test_the_likelier_code_page_is_taken(params: Params, tmp_path: Path, text: str, encoding: str) -> None:
    rows = "".join(f"{line};pos\nbad film;neg\n" for line in text.splitlines()) * 2
    path = write(tmp_path, "a.csv", f"text;label\n{rows}".encode(encoding))
    assert values(path)[0][0] == text.splitlines()[0]
    [form] = load(params, path).reading["formats"].values()
    assert form == f"{encoding}, delimiter semicolon, quotes doubled"


def test_r_writes_na_bare(params: Params, tmp_path: Path) -> None:
    """R's `write.csv(d, row.names = FALSE)`: texts quoted, a missing one bare."""
    path = write(
        tmp_path, "r.csv", '"text","label"\n' + '"Fine, yes","pos"\n"Dull","neg"\n' * 4 + 'NA,"pos"\n'
    )
    assert size(load(params, path, missing=("NA",), bad_rows="skip")) == 8


def test_labels_that_mean_the_same_are_named_once(params: Params, tmp_path: Path) -> None:
    rows: Any = "text,label\n" + "Fine,Ham\nDull,ham\n" * 4
    with pytest.raises(ValueError, match="names a value twice"):
        load(params, write(tmp_path, "a.csv", rows), labels=("Ham", "ham"))
