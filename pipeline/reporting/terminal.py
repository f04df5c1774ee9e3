"""What the evaluate stage prints at its end, in 80 columns."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.evaluation.metrics import ACCURACY
from pipeline.reporting import count_text, duration, metric_names, span, value_text
from pipeline.reporting.evaluated import Evaluated
from pipeline.reporting.report import became
from pipeline.reporting.verdict import caveats, judge

WIDTH = 80


def print_summary(result: Evaluated) -> None:
    """Every classifier's scores, which network won, with its values, and against which baseline."""
    console = Console(width=WIDTH, highlight=False)
    for each in caveats(result):
        console.print(Text(f"{each.title} {each.text}", "bold"))
    console.print(_table(result))
    values = ", ".join(
        f"{key.split('.')[1]} {value_text(value)}"
        for key, value in result.trained["params"].items()
        if key in ("model.dropout", "train.learning_rate", "train.batch_size")
    )
    taken = "" if result.seconds is None else f", trained in {duration(result.seconds)}"
    network = f"{result.cell}, {result.shape}, {count_text(result.parameters, 'parameter')}; {values}{taken}"
    console.print(Text(f"The winner is trial {result.trained['trial']}: {network}."))
    calibration = result.trained["calibration"]
    before, after = (f"{calibration[f'validation_ece_{when}']:.4f}" for when in ("before", "after"))
    kept = f"{before}; rescaling the probabilities wouldn't help."
    rescaled = f"{before} before calibration, {after} after."
    console.print(f"Calibration error on validation: {kept if calibration['scale'] == 1 else rescaled}")
    verdict = judge(result)
    look = "" if verdict.learned else "bold red"
    for sentence in (verdict.sentence, became(result)):
        console.print(Text(sentence, style=look))


def _table(result: Evaluated) -> Table:
    dataset, assessment = result.dataset, result.assessment
    table = Table(
        title=Text(f"{count_text(len(assessment.labels), 'test review')}, data set {dataset['name']}"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("classifier")
    names = metric_names(assessment.num_labels)
    # Beside the accuracy there is room for one; the report has the rest.
    shown = "roc_auc" if assessment.measure == ACCURACY else assessment.measure
    for column in ("accuracy ↑", "95 % interval", names[shown].arrow):
        table.add_column(column, justify="right", no_wrap=True)
    for place, each in enumerate(assessment.classifiers):
        accuracy, other = (
            f"{assessment.metrics[f'{each.prefix}test_{name}']:.4f}" for name in (ACCURACY, shown)
        )
        interval = span(assessment.intervals[f"{each.prefix}test_accuracy"])
        table.add_row(Text(each.name), accuracy, interval, other, style="bold" if place == 0 else "")
    return table
