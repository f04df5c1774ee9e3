import judged
from pipeline.registry import model_card
from pipeline.reporting.verdict import judge


def test_the_card_says_what_the_reports_say() -> None:
    result = judged.evaluated(dataset=judged.DATASET | {"name": "snippets", "truncating": "post"})
    card = model_card.write(result)
    found = result.assessment
    metrics = found.metrics
    low, high = found.intervals["test_accuracy"]
    for line in (
        "# GRU network, 3 layers of 16 units",
        judge(result).sentence,
        "Registered as stacked-rnn-tiny version 7, challenger: does not beat champion version 5.",
        "- 5,009 parameters; cell gru, depth 3, units 16, dropout 0.2",
        "- trial 2 of its study, epoch 2, validation accuracy 0.7513",
        "- snippets (asked for: imdb), digest `sha256:abc`",
        "- 800 train, 200 validation, 240 test reviews; 50.0% train, 50.0% validation, 50.0% test positive",
        "; 50 validation reviews were held back to compare with the champion\n- 91 unlabelled reviews\n",
        "- left out as duplicates: 3 train in test, 1 train in validation, 0 validation in test, "
        "6 unlabelled in test, 2 unlabelled in validation",
        "- calibrated on validation: error there 0.0712 before, 0.0234 after",
        "## Metrics on 240 test reviews",
        "| classifier | accuracy ↑ | 95 % interval | balanced accuracy ↑ | F1 ↑ | ",
        f"| stacked RNN | {metrics['test_accuracy']:.4f} | {low:.4f} to {high:.4f} | ",
        f"| majority class | {metrics['majority_test_accuracy']:.4f} | ",
        f"- {found.paired[found.baseline.name].only_first:,} reviews only this model labels right, ",
        f"- from 0.4600 on, the threshold with the best validation accuracy: test accuracy "
        f"{metrics['test_accuracy_at_threshold']:.4f}",
        "- Reads the first 12 tokens of a review and knows 56 words; others are one unknown word.",
        "`python -m pipeline rebuild models:/stacked-rnn-tiny/7`",
    ):
        assert line in card
    assert "gru_2 GRU 12 \N{MULTIPLICATION SIGN} 16 1,632 dropout_1 dropout" in " ".join(card.split())
    described = model_card.description(card)
    assert described.startswith("GRU network, 3 layers of 16 units\n")
    assert next(line for line in described.splitlines() if line.startswith("#")) == "### Intended use"
    assert len(described) < 5000  # the limit of a version's description


def test_the_card_says_how_many_words_a_file_of_vectors_has() -> None:
    params = judged.TRAINED["params"] | {"vectors.path": "vectors/glove.txt"}
    card = model_card.write(
        judged.evaluated(trained=judged.TRAINED | {"params": params, "vectors_found": 0.75})
    )
    assert "- word vectors of `glove.txt`, which has 75.0% of the vocabulary's words\n" in card


def test_an_unregistered_model_has_a_card_too() -> None:
    dataset = judged.DATASET | {"requested": judged.DATASET["name"]}
    card = model_card.write(judged.evaluated(dataset=dataset, registration=None))
    assert "Not registered." in card
    assert "no record to rebuild it from" in card
    assert "asked for" not in card


def test_of_a_users_own_texts_only_what_is_known_is_said_and_rows_that_could_not_be_used_are_counted() -> (
    None
):
    unlabelled = judged.DATASET["unlabelled"] | {"rows_skipped": 1}
    own = {"name": "mine", "requested": "mine", "reading": {"rows_skipped": 3}, "unlabelled": unlabelled}
    card = model_card.write(judged.evaluated(dataset=judged.DATASET | own))
    assert "a text (language and subject unknown)" in card
    assert "English" not in card
    assert "; 3 rows could not be used and left out" in card
    assert "- 91 unlabelled reviews; 1 row could not be used and left out" in card
