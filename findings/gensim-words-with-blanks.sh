#!/usr/bin/env bash
# gensim's KeyedVectors.load_word2vec_format(..., no_header=True) is the documented way to read GloVe's text files.
#
# Expected: every line of such a file is read: a word, a blank, and its numbers.
# Seen (gensim 4.4.0): GloVe's largest file, glove.840B.300d, has words that hold blanks themselves (". . .", "at name@domain.com").
# gensim cuts at every blank and takes the second piece for a number, so that the whole file is refused, at a line far
# down, with "could not convert string to float". Where the later pieces of such a word are numbers ("at 2"), the line is
# refused for its length instead. The numbers are the last pieces of a line: cut from the right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check gensim==4.4.0
cat >"$folder/read.py" <<'END'
import sys

import gensim
from gensim.models import KeyedVectors

print("gensim", gensim.__version__)
for word in ("...", ". . .", "at 2"):
    with open(sys.argv[1], "w") as file:
        file.write(f"the 1 2 3\n{word} 4 5 6\ngood 7 8 9\n")
    try:
        vectors = KeyedVectors.load_word2vec_format(sys.argv[1], binary=False, no_header=True)
        print(f"{word!r}: read {vectors.index_to_key}")
    except ValueError as error:
        print(f"{word!r}: refused: {error}")
    with open(sys.argv[1]) as file:
        print("  from the right:", [line.rsplit(None, 3)[0] for line in file])
END
seen=$("$folder/env/bin/python" "$folder/read.py" "$folder/glove.txt")
echo "$seen"
grep -q "^'\.\.\.': read" <<<"$seen"
grep -q "^'\. \. \.': refused: could not convert string to float" <<<"$seen"
grep -q "^'at 2': refused" <<<"$seen"
