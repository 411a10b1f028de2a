"""An Airflow of the tests' own: its home is a temporary folder, set before anything imports airflow.

All settings stand in a file there, and not in the environment, so that a process that a test starts is not
changed by them.
"""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="airflow-of-tests-"))

(HOME / "airflow.cfg").write_text(
    f"""\
[core]
dags_folder = {ROOT / "dags"}
plugins_folder = {ROOT / "plugins"}
load_examples = False
unit_test_mode = False
[database]
sql_alchemy_conn = sqlite:///{HOME / "airflow.db"}
""",
    encoding="utf-8",
)
os.environ["AIRFLOW_HOME"] = str(HOME)
os.environ.pop("AIRFLOW_CONFIG", None)

import pytest  # noqa: E402
from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.sdk import DAG  # noqa: E402


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    """All DAGs, read as Airflow reads them."""
    return DagBag(str(ROOT / "dags"))


@pytest.fixture(scope="session")
def dags(dag_bag: DagBag) -> dict[str, DAG]:
    return dag_bag.dags
