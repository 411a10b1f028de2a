"""An Airflow of the tests' own: its home is a temporary folder, set before anything imports airflow.

All settings are in a file there, and not in the environment, so that a process that a test starts is not
changed by them.
"""

import copy
import os
import secrets
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPORARY_FOLDER = tempfile.TemporaryDirectory(prefix="airflow-of-tests-", ignore_cleanup_errors=True)  # until the end
HOME = Path(TEMPORARY_FOLDER.name)

(HOME / "airflow.cfg").write_text(
    f"""\
[core]
dags_folder = {ROOT / "dags"}
plugins_folder = {ROOT / "plugins"}
load_examples = False
unit_test_mode = False
[database]
sql_alchemy_conn = sqlite:///{HOME / "airflow.db"}
[api_auth]
jwt_secret = {secrets.token_urlsafe(48)}
""",
    encoding="utf-8",
)
os.environ["AIRFLOW_HOME"] = str(HOME)
os.environ.pop("AIRFLOW_CONFIG", None)

import psycopg  # noqa: E402
import pytest  # noqa: E402
from airflow.api_fastapi.app import create_app  # noqa: E402
from airflow.dag_processing import dagbag  # noqa: E402
from airflow.dag_processing.bundles.manager import DagBundlesManager  # noqa: E402
from airflow.dag_processing.dagbag import DagBag  # noqa: E402
from airflow.sdk import DAG  # noqa: E402
from airflow.utils import db  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

from local.ports import HOST, any_free_port  # noqa: E402
from tests.dags.lost_funding import FUNDING, JOB, POST  # noqa: E402
from tests.slack_server import SlackServer, slack_server  # noqa: E402


@pytest.fixture(scope="session")
def dag_bag() -> DagBag:
    """All DAGs, parsed as Airflow does it."""
    return DagBag(str(ROOT / "dags"))


@pytest.fixture(scope="session")
def dags(dag_bag: DagBag) -> dict[str, DAG]:
    return dag_bag.dags


@pytest.fixture(scope="session")
def metadata(dag_bag: DagBag) -> Iterator[Path]:
    """The metadata database with all DAGs, for runs of DAGs. Yields its file.

    Before each run, dag.test() stores all DAGs of the folder again, which takes half a second of processor time. Here
    it does not: they do not change.
    """
    db.initdb()
    DagBundlesManager().sync_bundles_to_db()
    dagbag.sync_bag_to_db(dag_bag, "dags-folder", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dagbag, "sync_bag_to_db", lambda *_: None)
        yield HOME / "airflow.db"


@pytest.fixture(scope="session")
def client(metadata: Path) -> Iterator[TestClient]:  # noqa: ARG001, it makes the tables
    """Airflow's API server without a scheduler: a run that is started stays queued."""
    with TestClient(create_app(apps="core"), base_url="http://airflow.test", follow_redirects=False) as client:
        yield client


@pytest.fixture
def dag(dags: dict[str, DAG], tcs: psycopg.Connection, job_dsn: str, monkeypatch: pytest.MonkeyPatch) -> DAG:
    """The DAG of the job of lost_funding, with its work; with one immediate retry, and no Elasticsearch."""
    tcs.execute(POST)
    tcs.execute(FUNDING)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_POSTGRES", job_dsn)
    monkeypatch.setenv("AIRFLOW_CONN_TCS_ELASTICSEARCH", f"elasticsearch://{HOST}:{any_free_port()}")
    dag = copy.deepcopy(dags[JOB.dag_id])
    run_job = dag.get_task("run_job")
    run_job.retries, run_job.retry_delay = 1, timedelta(0)
    return dag


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    """A local server in place of Slack's API, with the connection that sends messages there."""
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    with slack_server() as server:
        monkeypatch.setenv("AIRFLOW_CONN_SLACK_DEFAULT", server.connection())
        yield server
