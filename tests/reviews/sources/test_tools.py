"""Files as the named tools and corpora write them: what is read of each, or what is said."""

# ruff: noqa: RUF001 - typographic quotes are what this is about

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from pipeline.reviews.dataset import Dataset
from pipeline.reviews.findings import check, lines_of
from reviews.own_files import json_lines, load, of_pairs, read, size, sizes, table, values, write

EIGHT = ["Fine,1", "Dull,0"] * 4
# readr 2.2 `write_tsv` and corpora such as SMS Spam: nothing is quoted, and 27" is an inch.
UNQUOTED = ['pos\t"Great film, he said', "neg\tfine", "pos\tmeh", 'neg\ta screen of 27"'] * 3


def said_of(dataset: Dataset) -> str:
    return "\n".join(lines_of(check(dataset)))


def test_unquoted_tabs_are_refused_with_both_readings_and_read_where_that_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, "sms.tsv", table(UNQUOTED, "label\ttext"))
    with pytest.raises(ValueError, match=r"(?s)in two ways.*quotes doubled.*no quoting.*data\.quoting"):
        load(path)
    assert len(read(path, quoting="doubled")) == 3  # what any reader's default makes of 12 rows
    assert values(path, quoting="none")[::4] == [('"Great film, he said', "pos")] * 3
    assert size(load(path, quoting="none")) == 12


def test_rows_that_quotes_would_join_far_into_a_file_are_found_too(tmp_path: Path) -> None:
    path = write(tmp_path, "sms.tsv", table(["pos\tfine"] * 3_000 + UNQUOTED, "label\ttext"))
    with pytest.raises(ValueError, match="can be read in two ways, of which line 3002 tells"):
        read(path)


TWO = [("Fine, and long", "pos"), ("Dull", "neg")]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (  # UCI's sentences: 3,000 rows of `text<TAB>label`, some of which begin with a quote
            "uci.tsv",
            'text\tlabel\n"Great," he said\t1\nBad\t0\n27" wide\t0\n',
            [('"Great," he said', "1"), ("Bad", "0"), ('27" wide', "0")],
        ),
        (  # pandas 3.1 `to_csv(sep="\\t")` and `to_csv()`: a text of several lines is quoted
            "pandas.tsv",
            'text\tlabel\n"Good\nfilm"\tpos\nDull\tneg\n',
            [("Good\nfilm", "pos"), ("Dull", "neg")],
        ),
        (
            "pandas.csv",
            'text,label\n"Good,\nfilm",pos\n"Dull, and\nlong, too",neg\n',
            [("Good,\nfilm", "pos"), ("Dull, and\nlong, too", "neg")],
        ),
        (  # Spark 4.3 `write.csv(header=True)`: a quote is escaped, and a backslash in quoted fields alone
            "part-0.csv",
            'text,label\nC:\\new,1\n"He said \\"no\\" at C:\\\\new, twice",0\nends in \\,1\n"a\nb \\"",0\n',
            [("C:\\new", "1"), ('He said "no" at C:\\new, twice', "0"), ("ends in \\", "1"), ('a\nb "', "0")],
        ),
        (  # pandas 3.1 `to_csv(doublequote=False, escapechar="\\")`: a quote alone asks for no quotes around
            "escaped.csv",
            'text,label\n"Fine, but \\"long\\"",1\nC:\\\\new 27\\",0\n',
            [('Fine, but "long"', "1"), ('C:\\new 27"', "0")],
        ),
        ("blanks.csv", 'text, label, more\n"Fine, and long", pos, 1\nDull, neg, 2\n', TWO),
        ("quoted.csv", '"text", "label"\n"Fine, and long", "pos"\n', TWO[:1]),
    ],
)
def test_tables_that_are_written_in_ways_of_their_own(
    tmp_path: Path, name: str, content: str, expected: list[tuple[str, str]]
) -> None:
    assert values(write(tmp_path, name, content)) == expected


@pytest.mark.parametrize("spelling", ["NA", "NULL", "\\N", "nan", "None"])  # R, SQL, MySQL, pandas, Python
def test_what_often_means_missing_is_refused_until_somebody_decides(tmp_path: Path, spelling: str) -> None:
    rows = ["Fine film,pos", "Dull film,neg"] * 4
    path = write(tmp_path, "a.csv", table([*rows, f"Whatever,{spelling}", f"So so,{spelling}"]))
    for bad_rows in ("error", "skip"):
        with pytest.raises(ValueError, match=r"(?s)10: column 'label' is .*\n.*line 11.*data\.missing"):
            load(path, bad_rows=bad_rows)
    with pytest.raises(ValueError, match="is no label: fill it in"):
        load(path, missing=(spelling,))
    dataset = load(path, missing=(spelling,), bad_rows="skip")
    assert (dataset.labels, size(dataset)) == (("neg", "pos"), 8)
    dataset = load(path, missing=())  # Namibia
    assert (set(dataset.labels), size(dataset)) == ({"neg", "pos", spelling}, 10)
    assert "often mean that there is none: 1" in said_of(dataset)
    named = {"neg": "neg", "pos": "pos", spelling: "other"}
    assert load(path, labels=named).labels == ("neg", "pos", "other")


def test_a_text_that_often_means_missing_is_refused_too(tmp_path: Path) -> None:
    """R's `write.csv(d, row.names = FALSE)` quotes texts, and writes a missing one bare."""
    path = write(
        tmp_path, "a.csv", table(['"Fine, yes","1"', '"Dull","0"'] * 4 + ['NA,"1"'], '"text","label"')
    )
    with pytest.raises(ValueError, match="line 10: column 'text' is 'NA'"):
        load(path)
    assert size(load(path, missing=("NA",), bad_rows="skip")) == 8
    assert size(load(path, missing=())) == 9


def test_columns_of_equal_and_empty_names_are_all_read(tmp_path: Path) -> None:
    """Kaggle's spam.csv and a join of tables."""
    [(_, row)] = read(write(tmp_path, "a.csv", "label,text,,score,score,\nham,Hi,x,1,2,y\n"))
    assert list(row.values()) == ["ham", "Hi", "x", "1", "2", "y"]


def test_merged_spellings_are_said(tmp_path: Path) -> None:
    labels = ["Ham", "spam", "ham", "1", "1.0"] * 4
    said = said_of(load(of_pairs(tmp_path, ((f"text n{row}", label) for row, label in enumerate(labels)))))
    for words in ("labels in several spellings: 2", "'Ham' (4), 'ham' (4)", "'1' (4), '1.0' (4)"):
        assert words in said


def test_files_of_other_programs_are_passed_over_and_said(tmp_path: Path) -> None:
    """Jupyter's checkpoints, macOS' copies, lock files of LibreOffice and Excel, Spark's marks."""
    others = (".ipynb_checkpoints/a-checkpoint.csv", "._a.csv", "__MACOSX/._a.csv", ".~lock.a.csv#")
    for name in ("a.csv", *others, "~$a.csv", "_temporary/b.csv"):
        write(tmp_path / "mine", name, table(EIGHT))
    dataset = load(tmp_path / "mine")
    assert size(dataset) == 8
    said = said_of(dataset)
    assert "hidden files passed over: 5" in said and "a-checkpoint.csv" in said


def test_a_class_called_as_a_split_is_a_class(tmp_path: Path) -> None:
    for label in ("bus", "train", "car"):
        for row in range(4):
            write(tmp_path / "travel", f"{label}/{row}.txt", f"By {label} n{row}")
    assert load(tmp_path / "travel").labels == ("bus", "car", "train")
    for split in ("train", "test"):
        write(tmp_path / "no_labels", f"{split}/0.txt", "Fine")
    with pytest.raises(ValueError, match="named after splits, and none after a label"):
        load(tmp_path / "no_labels")


def test_a_partitioned_folder_has_its_columns(tmp_path: Path) -> None:
    """pandas 3.1 `to_parquet(partition_cols=["label"])`, Spark's `partitionBy`, DuckDB's `PARTITION_BY`."""
    for label in ("neg", "pos", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "mine" / f"label={label}" / "split=train"
        folder.mkdir(parents=True)
        part = pyarrow.table({"text": [f"{label} n{row}" for row in range(4)]})
        pyarrow.parquet.write_table(part, folder / "part-0.parquet")
    dataset = load(tmp_path / "mine", bad_rows="skip")
    assert (dataset.labels, size(dataset)) == (("neg", "pos"), 8)
    assert dataset.reading["rows_skipped"] == 4
    write(tmp_path / "polars", "label=neg/0.csv", "text,label\nFine,neg\n")  # 2.1 keeps it in the file too
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
def test_further_headers_of_surveys_are_no_answers(
    tmp_path: Path, content: str, text: str, place: str
) -> None:
    [(where, row)] = read(write(tmp_path, "survey.csv", content), text)
    assert (where, row[text]) == (place, "Fine")


def test_a_json_line_without_the_key_is_a_row_without_a_value(tmp_path: Path) -> None:
    """Spark 4.3, MongoDB and Label Studio's JSON_MIN leave out what is missing."""
    rows = [{"text": f"Fine n{row}", "label": row % 2} for row in range(8)]
    path = write(tmp_path, "a.jsonl", json_lines([*rows, {"text": "no label"}, {"label": 1}]))
    with pytest.raises(ValueError, match=r"9: column 'label' is None.*\n.*line 10: column 'text' is None"):
        load(path)
    dataset = load(path, bad_rows="skip")
    assert (size(dataset), dataset.reading["rows_skipped"]) == (8, 2)


def test_a_label_may_be_a_list_of_one(tmp_path: Path) -> None:
    """doccano 1.8.4's JSONL."""
    rows = [{"id": n, "text": f"n{n}", "label": [["pos"], ["neg"]][n % 2], "Comments": []} for n in range(8)]
    assert load(write(tmp_path, "all.jsonl", json_lines(rows))).labels == ("neg", "pos")
    more = [{"text": "both", "label": ["neg", "pos"]}, {"text": "none", "label": []}]
    several = r"9: column 'label' is \['neg', 'pos'\], which holds 2 labels(?s:.*)10: .* is \[\], which is no"
    with pytest.raises(ValueError, match=several):
        load(write(tmp_path, "all.jsonl", json_lines(rows + more)))


@pytest.mark.parametrize(
    "labels",  # DuckDB 2.0's `1.0`; pandas' bytes
    [[Decimal("1.0"), Decimal("0.0")], [b"1", b"0"], [["1"], ["0"]]],
)
def test_a_label_of_parquet_may_be_a_decimal_bytes_or_a_list(tmp_path: Path, labels: list[object]) -> None:
    texts = [f"n{row}".encode() for row in range(8)]
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": labels * 4}), tmp_path / "a.parquet")
    dataset = load(tmp_path / "a.parquet")
    assert ([label[0] for label in dataset.labels], size(dataset)) == (["0", "1"], 8)


JSON = [{"text": "Fine", "label": "pos"}, {"text": "Dull\nfilm", "label": "neg"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("duckdb.json", json_lines(JSON)),  # DuckDB 2.0 COPY TO, Spark, Yelp
        ("polars.json", json.dumps(JSON)),  # polars 2.1 write_json, pandas 3.1 orient="records"
        ("pretty.json", json.dumps(JSON, indent=2)),
        ("polars.ndjson", json_lines(JSON)),
    ],
)
def test_json_of_either_kind(tmp_path: Path, name: str, content: str) -> None:
    plain = content.encode()
    packed = {"": plain, ".gz": gzip.compress(plain), ".zst": zstandard.compress(plain)}
    for ending, written in packed.items():
        assert values(write(tmp_path, f"{name}{ending}", written)) == [("Fine", "pos"), ("Dull\nfilm", "neg")]


def test_label_studios_tasks(tmp_path: Path) -> None:
    """Its JSON of 1.23.2: a row an annotation, of which a skipped one is none; JSON_MIN's two choices."""

    def task(
        number: int, text: str, *annotations: list[str], was_cancelled: bool = False
    ) -> dict[str, object]:
        of_tag = {"from_name": "sentiment", "to_name": "text", "type": "choices"}
        given = [
            {"id": 1, "was_cancelled": was_cancelled, "result": [of_tag | {"value": {"choices": choices}}]}
            for choices in annotations
        ]
        return {"id": number, "data": {"text": text}, "annotations": given}

    both = ["Positive", "Negative"]
    tasks = [
        task(1, "Fine", ["Positive"], ["Negative"]),
        task(2, "Dull", ["Negative"], was_cancelled=True),
        task(3, "So so", both),
    ]
    assert values(write(tmp_path, "project.json", json.dumps(tasks)), "text", "sentiment") == [
        ("Fine", "Positive"),
        ("Fine", "Negative"),
        ("Dull", None),
        ("So so", both),
    ]
    of_min = json.dumps([{"text": "So so", "sentiment": {"choices": both}}])
    assert values(write(tmp_path, "min.json", of_min), "text", "sentiment") == [("So so", both)]


def test_fasttexts_lines(tmp_path: Path) -> None:
    """And doccano 1.8.4's, which quotes a row, label and all, for a comma, a quote or a line break."""
    content = (
        '__label__pos Fine film\n"__label__neg Dull, and ""long""\nand dull "\n__label__a __label__b both\n'
    )
    path = write(tmp_path, "train.txt", content)
    expected = [("Fine film", "pos"), ('Dull, and "long"\nand dull', "neg"), ("both", ["a", "b"])]
    assert values(path) == expected
    assert read(path)[2][0] == "line 4"
    for split in ("train", "test"):
        write(tmp_path / "mine", f"{split}.txt", "__label__pos Fine\n__label__neg Dull\n" * 2)
    assert sizes(load(tmp_path / "mine")) == {"train": 4, "test": 4}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        *(
            (name, rf"python -c \"import pandas; pandas\.{reader}\('{name}'\)\.to_csv\('a\.csv'")
            for name, reader in (("a.xlsx", "read_excel"), ("a.dta", "read_stata"))
        ),
        ("reviews.csv.zip", r"unpack it, with python -m zipfile -e \S+ reviews$"),  # Kaggle's
        ("data-00000-of-00001.arrow", "Parquet, with datasets' to_parquet"),
    ],
)
def test_other_kinds_are_told_how_to_convert_them(tmp_path: Path, name: str, advice: str) -> None:
    path = write(tmp_path, name, b"PK")
    if name.endswith(".arrow"):
        write(tmp_path, "dataset_info.json", "{}")  # datasets 5.2 `save_to_disk`
    for each in (path, tmp_path):
        with pytest.raises(ValueError, match=advice):
            read(each)


@pytest.mark.parametrize("name", ["amazon_cells_labelled.txt", "SMSSpamCollection"])
def test_a_table_of_another_name_is_told_which_would_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"let its name end in \.csv or \.tsv"):
        read(write(tmp_path, name, "ham\tHi\n"))


def test_class_names_beside_a_parquet_column_are_used(tmp_path: Path) -> None:
    """datasets 5.2 `to_parquet`: the names stand in the schema's metadata; -1 is no label."""
    names = {"info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}}}}
    rows = pyarrow.table({"text": [f"n{row}" for row in range(9)], "label": [1, 0] * 4 + [-1]})
    rows = rows.replace_schema_metadata({"huggingface": json.dumps(names)})
    pyarrow.parquet.write_table(rows, tmp_path / "train.parquet")
    dataset = load(tmp_path / "train.parquet", bad_rows="skip")
    assert (dataset.labels, size(dataset)) == (("bad", "good"), 8)


def test_ways_out_are_named(tmp_path: Path) -> None:
    """The archive aclImdb itself, the Hub's unsupervised parts, `dev` beside train and test."""
    for name in ("train/neg", "train/pos", "train/unsup", "test/neg", "test/pos"):
        write(tmp_path / "aclImdb", f"{name}/0_1.txt", f"A film {name}")
    unsup = r"test split holds no review labelled unsup.* data\.labels, with null"
    with pytest.raises(ValueError, match=unsup):
        load(tmp_path / "aclImdb")
    kept = {"neg": "neg", "pos": "pos", "unsup": None}
    assert load(tmp_path / "aclImdb", labels=kept).labels == ("neg", "pos")
    for name in ("train", "test", "dev"):
        write(tmp_path / "glue", f"{name}.csv", table(EIGHT))
    assert set(load(tmp_path / "glue").splits) == {"train", "test", "validation"}
    write(tmp_path / "glue", "unsupervised-00000-of-00001.csv", table(EIGHT))
    with pytest.raises(ValueError, match=r"unsupervised-00000.*data\.unlabelled_path"):
        load(tmp_path / "glue")


def test_where_no_row_can_be_read_the_message_speaks_of_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", "Fine\nDull\n")
    with pytest.raises(ValueError, match=r"line 1: not valid JSON.*\n.*line 2: not valid JSON") as error:
        load(path)
    assert "data.labels" not in str(error.value)
    with pytest.raises(ValueError, match=r"none of its 2 rows .*, the first because of line 1: not valid"):
        load(path, bad_rows="skip")


def test_packed_texts_are_read_as_others_are(tmp_path: Path) -> None:
    write(tmp_path / "mine", "pos/0.txt.gz", gzip.compress("Déjà vu, été".encode("cp1252")))
    write(tmp_path / "mine", "neg/0.txt", "\ufeffDull")
    assert values(tmp_path / "mine") == [("Dull", "neg"), ("Déjà vu, été", "pos")]


def test_texts_of_another_encoding_are_named_themselves(tmp_path: Path) -> None:
    for row in range(3):
        write(tmp_path / "mine", f"neg/{row}.txt", f"plain {row}")
    write(tmp_path / "mine", "pos/7.txt", "idő".encode("cp1250"))
    with pytest.raises(ValueError, match=r"pos/7\.txt is not UTF-8 text, and can be read in two ways"):
        load(tmp_path / "mine")


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
def test_the_likelier_code_page_is_taken(tmp_path: Path, text: str, encoding: str) -> None:
    rows = "".join(f"{line};pos\nbad film;neg\n" for line in text.splitlines()) * 2
    path = write(tmp_path, "a.csv", f"text;label\n{rows}".encode(encoding))
    assert values(path)[0][0] == text.splitlines()[0]
    [form] = load(path).reading["formats"].values()
    assert form == f"{encoding}, delimiter semicolon, quotes doubled"
