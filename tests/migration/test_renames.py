"""What the script makes of single lines."""

from __future__ import annotations

import re

import pytest
from migration import PAGE, migrated_text

RENAMED = {
    "from kedro.io import DataCatalog": "from sparkpipe.io import DataCatalog",
    "import kedro.io as io": "import sparkpipe.io as io",
    "import kedro": "import sparkpipe",
    "from kedro import __version__": "from sparkpipe import __version__",
    "    from kedro.runner import run_node": "    from sparkpipe.runner import run_node",
    "from kedro.io.data_catalog import DataCatalog": "from sparkpipe.io import DataCatalog",
    "from kedro.io.memory_data_set import MemoryDataSet": "from sparkpipe.io import MemoryDataSet",
    "from kedro.io.lambda_dataset import LambdaDataset": "from sparkpipe.io import LambdaDataset",
    "from kedro.config.config import ConfigLoader": "from sparkpipe.config import ConfigLoader",
    "from kedro.utils import load_obj": "from sparkpipe.framework.utils import load_obj",
    'patch("kedro.io.core.generate_timestamp")': 'patch("sparkpipe.io.core.generate_timestamp")',
    "from kedro.extras.datasets.pandas import CSVDataSet, ExcelDataSet": (
        "from sparkpipe.datasets.pandas import CSVDataSet, ExcelDataSet"
    ),
    "from kedro.extras.datasets.pandas.csv_dataset import CSVDataSet": (
        "from sparkpipe.datasets.pandas import CSVDataSet"
    ),
    "from kedro.extras.datasets.matplotlib.matplotlib_writer import MatplotlibWriter": (
        "from sparkpipe.datasets.matplotlib import MatplotlibWriter"
    ),
    "from kedro_datasets.spark import SparkDataset": (
        "from sparkpipe.datasets.spark import SparkDataset"
    ),
    "from kedro.extras.datasets.pandas import XMLDataSet": (
        "from kedro_datasets.pandas import XMLDataSet"
    ),
    "  type: kedro.extras.datasets.pandas.CSVDataSet": "  type: pandas.CSVDataSet",
    "  type: kedro_datasets.pandas.XMLDataset": "  type: pandas.XMLDataset",
    "  dataset: 'kedro_datasets.json.JSONDataset'": "  dataset: 'json.JSONDataset'",
    '{"type": "kedro.extras.datasets.text.TextDataSet"}': '{"type": "text.TextDataSet"}',
    "  type: kedro.io.CachedDataSet": "  type: CachedDataSet",
    "  type: kedro.io.partitioned_dataset.PartitionedDataSet": "  type: PartitionedDataSet",
    "    class: kedro.logging.RichHandler": "    class: sparkpipe.logging.RichHandler",
    "    class: kedro.extras.logging.RichHandler": "    class: sparkpipe.logging.RichHandler",
    "  kedro:": "  sparkpipe:",
    "  kedro.io:": "  sparkpipe.io:",
    'logging.getLogger("kedro")': 'logging.getLogger("sparkpipe")',
    "[tool.kedro]": "[tool.sparkpipe]",
    '[project.entry-points."kedro.hooks"]': '[project.entry-points."sparkpipe.hooks"]',
    "kedro~=0.18.14": "sparkpipe[spark,excel,sql]",
    "kedro[pandas.CSVDataSet]==0.18.3": "sparkpipe[spark,excel,sql]",
    'dependencies = ["kedro~=0.18.14", "pandas"]': (
        'dependencies = ["sparkpipe[spark,excel,sql]", "pandas"]'
    ),
    "    - kedro[spark]>=0.18,<0.19": "    - sparkpipe[spark,excel,sql]",
    'CMD ["kedro", "run", "--env", "prod"]': 'CMD ["sparkpipe", "run", "--env", "prod"]',
    "KEDRO_ENV=prod kedro run --env prod": "SPARKPIPE_ENV=prod sparkpipe run --env prod",
    'subprocess.run(["kedro", "run"])': 'subprocess.run(["sparkpipe", "run"])',
    'run_params["kedro_version"]': 'run_params["sparkpipe_version"]',
}

KEPT = (
    "see https://docs.kedro.org/en/stable and https://kedro.readthedocs.io/kedro.io.html",
    "DISABLE_HOOKS_FOR_PLUGINS = ('kedro-viz',)",
    "from kedro_datasets.pandas import GBQTableDataSet",
    "from mykedro.io import x",
    "my.kedro.io.thing",
    "kedro-viz~=6.0",
    "- kedro",
    "kedro jupyter notebook",
    "dataset=kedro_datasets.pandas.XMLDataset",
    "[tool.kedro.micropkg.package]",
)


@pytest.fixture(scope="module")
def renamed() -> dict[str, str]:
    lines = [*RENAMED, *KEPT]
    made = migrated_text("\n".join(lines) + "\n").splitlines()
    return dict(zip(lines, made, strict=True))


@pytest.mark.parametrize("line", RENAMED)
def test_is_renamed(line: str, renamed: dict[str, str]) -> None:
    assert renamed[line] == RENAMED[line]


@pytest.mark.parametrize("line", KEPT)
def test_stays(line: str, renamed: dict[str, str]) -> None:
    assert renamed[line] == line


def test_second_time_changes_nothing() -> None:
    once = migrated_text("\n".join([*RENAMED, *KEPT]) + "\n")
    assert migrated_text(once) == once


def test_telemetry_which_needs_kedro_is_left_out() -> None:
    for line in ("kedro-telemetry~=0.2.0", '    "kedro-telemetry>=0.2",', "  - kedro-telemetry"):
        assert migrated_text(f"{line}\npytest\n") == "pytest\n"


def test_table_of_the_page_is_true() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## What is renamed")[2]
    rows = dict(re.findall(r"^\| `(.*?)` \| `(.*?)` \|$", section.partition("## ")[0], re.M))
    assert len(rows) > 20
    made = migrated_text("".join(f"{line}\n" for line in rows)).splitlines()
    assert made == [*rows.values()]
