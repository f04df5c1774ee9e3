#!/usr/bin/env bash
# doccano imports JSON Lines: a text, its labels, and any other keys, which become the example's metadata.
#
# Expected: a row that lacks one of the other rows' keys is an example without that metadata; at worst that row is refused.
# Seen (doccano 1.8.4, its SQLite): none of the file is imported, and the message is the database's: "CHECK constraint failed:
# (JSON_VALID("meta") OR "meta" IS NULL)". A thousand rows at a time go through a pandas DataFrame, which has NaN where a row
# has no value, and NaN is no JSON; a null beside numbers becomes one, too, and beside texts it doesn't. Fill gaps with "".
# (It is installed with marshmallow<4 and numpy<2, without which this release doesn't start.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check doccano==1.8.4 marshmallow==3.26.2 numpy==1.26.4
export DOCCANO_HOME=$folder DATABASE_URL=sqlite:///$folder/db.sqlite3 MEDIA_ROOT=$folder/media
export DJANGO_SETTINGS_MODULE=config.settings.production
"$folder/env/bin/doccano" init >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
cat >"$folder/load.py" <<'END'
import importlib.metadata
import json
import os
import sys

import django

django.setup()

from data_import.celery_tasks import FileName, create_file_format, load_dataset
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from examples.models import Example
from projects.models import TextClassificationProject

print("doccano", importlib.metadata.version("doccano"))
user = get_user_model().objects.create_user("someone")
path = os.path.join(sys.argv[1], "rows.jsonl")
cases = {
    "all keys": ("7", {"id": "8"}),
    "a key less": ("7", {}),
    "null beside a text": ("7", {"id": None}),
    "null beside a number": (7, {"id": None}),
    "an empty text": ("7", {"id": ""}),
}
for name, (given, second) in cases.items():
    rows = {"text": "Fine", "label": ["positive"], "id": given}, {"text": "Dull", "label": ["negative"]} | second
    with open(path, "w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    project = TextClassificationProject.objects.create(
        name="Loop", project_type="DocumentClassification", created_by=user
    )
    try:
        with transaction.atomic():
            files = [FileName(path, path, path)]
            load_dataset("DocumentClassification", create_file_format("JSONL"), files, project).save(user)
        said = ""
    except IntegrityError as error:
        said = f": {error}"
    print(f"{name}: {Example.objects.filter(project=project).count()} of 2 rows{said}")
END
cd "$folder"/env/lib/python3.11/site-packages/backend
seen=$(PYTHONPATH=$PWD "$folder/env/bin/python" "$folder/load.py" "$folder" 2>"$folder/log") || { cat "$folder/log"; exit 1; }
echo "$seen"
grep -q "^all keys: 2 of 2" <<<"$seen"
grep -q "^a key less: 0 of 2 rows: CHECK" <<<"$seen"
grep -q "^null beside a text: 2 of 2" <<<"$seen"
grep -q "^null beside a number: 0 of 2 rows: CHECK" <<<"$seen"
grep -q "^an empty text: 2 of 2" <<<"$seen"
