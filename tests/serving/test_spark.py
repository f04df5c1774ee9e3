"""A version as a function of Spark, on a real local Spark: `mlflow.pyfunc.spark_udf`."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from registry.test_packaging import TEXTS, save

MISSING = [
    what
    for what, is_there in (
        ("pyspark (pip install '.[spark]')", importlib.util.find_spec("pyspark")),
        ("Java (a JRE of the system's packages)", shutil.which("java")),
    )
    if not is_there
]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"there is no {' and no '.join(MISSING)}")
PARTITIONS = 3


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two threads on loopback; its Python workers import what this interpreter does."""
    from pyspark.sql import SparkSession  # noqa: PLC0415 - optional

    before = dict(os.environ)
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .config("spark.sql.shuffle.partitions", PARTITIONS)
        .getOrCreate()
    )
    yield session
    session.stop()
    os.environ.clear()
    os.environ |= before


def test_spark_gives_each_row_what_the_version_gives_it(spark: Any, tmp_path: Path) -> None:
    from pyspark.sql import functions  # noqa: PLC0415

    version = save(tmp_path / "version")
    rows = pd.DataFrame({"id": range(40), "text": [TEXTS[place % len(TEXTS)] for place in range(40)]})
    expected = mlflow.pyfunc.load_model(str(version)).predict(rows)
    score = mlflow.pyfunc.spark_udf(spark, str(version), env_manager="local")
    table = spark.createDataFrame(rows).repartition(PARTITIONS)
    scored = table.withColumn("scored", score(functions.struct("text"))).select("id", "text", "scored.*")
    found = scored.toPandas().sort_values("id", ignore_index=True)
    assert found.columns.tolist() == ["id", "text", *expected.columns]
    pd.testing.assert_frame_equal(found[expected.columns], expected)
    strict = mlflow.pyfunc.spark_udf(spark, str(version), env_manager="local", params={"threshold": 0.99})
    labels = table.select(strict(functions.struct("text")).getField("label").alias("label")).distinct()
    assert [row.label for row in labels.collect()] == ["negative"]
