"""Labels texts with the exported model: python example.py "A superb cast." "Dull and far too long."

Needs onnxruntime and numpy. `model.onnx` takes rows of token ids; the package beside this file makes them of
texts as they were made in training, from `vocabulary.json` and `classifier.json`.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from pipeline.serving.classifier import TextClassifier  # noqa: E402


def main() -> None:
    """Prints a line a text: label, probability of the second label, share of unknown words, text."""
    texts = sys.argv[1:] or ["A superb cast in a moving film.", "Dull and far too long."]
    scores = TextClassifier.load(HERE).score(texts)
    for text, label, probability, unknown in zip(texts, *scores, strict=True):
        print(f"{label}\t{probability:.4f}\t{unknown:.0%} unknown\t{text}")


if __name__ == "__main__":
    main()
