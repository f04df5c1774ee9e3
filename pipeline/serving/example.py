"""Labels texts with the exported model: python example.py "A superb cast." "Dull and far too long."

Needs onnxruntime and numpy. `model.onnx` takes rows of token ids; the package beside this file makes them of
texts as they were made in training, from `vocabulary.json` and `classifier.json`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from pipeline.serving.classifier import TextClassifier, probability_text  # noqa: E402


def main() -> None:
    """Prints a line a text: label, its probabilities, share of unknown words, text.

    The probability is that of the second label; of more than two labels, there is one for each.
    """
    texts = sys.argv[1:] or ["A superb cast in a moving film.", "Dull and far too long."]
    classifier = TextClassifier.load(HERE)
    scores = classifier.score(texts)
    for text, label, all_probabilities, unknown in zip(
        texts, scores.labels, scores.by_label, scores.unknown_shares, strict=True
    ):
        said = probability_text(classifier.labels, all_probabilities)
        print(f"{label}\t{said}\t{unknown:.0%} unknown\t{text}")


if __name__ == "__main__":
    main()
