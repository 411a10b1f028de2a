"""Who may view the page and start runs: Airflow's users and permissions, checked for each DAG."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import HTTPException, Request, status

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def base_url() -> str:
    """Airflow's own address, as it is configured; empty if it is not."""
    return conf.get("api", "base_url", fallback="") or ""


def public_url(request: Request, path: str) -> str:
    """The address of a page as the visitor's browser knows it, also behind a proxy that ends TLS or changes the Host.

    path: below Airflow's address. Without such a proxy, it is the address of the request: Airflow may have several
    names, and the cookie of the login belongs to one of them.
    """
    headers = request.headers
    if urlsplit(base_url()).scheme == "https" or (base_url() and "x-forwarded-host" in headers):
        return base_url().rstrip("/") + path
    is_https = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower() == "https"
    return str(request.url.replace(scheme="https") if is_https else request.url)


def may_view(user: BaseUser, dag_id: str) -> bool:
    """Whether this user may view runs of the DAG."""
    return _may("GET", user, dag_id)


def may_run(user: BaseUser, dag_id: str) -> bool:
    """Whether this user may start runs of the DAG."""
    return _may("POST", user, dag_id)


def may_stop(user: BaseUser, dag_id: str) -> bool:
    """Whether this user may stop runs of the DAG: to Airflow, that is a change of a run."""
    return _may("PUT", user, dag_id)


def _may(method: Literal["GET", "POST", "PUT"], user: BaseUser, dag_id: str) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(
        method=method, access_entity=DagAccessEntity.RUN, details=details, user=user
    )


def from_our_pages(request: Request) -> None:
    """Refuse a request that another site makes with a visitor's cookie; Airflow itself has no such check.

    For requests that change something. A browser names the requesting site in Origin, and asks the server before it
    sends JSON to another site. A script sends no Origin.
    """
    if request.headers.get("origin") is not None:
        _check_origin(request)
    _check_content_type(request, JSON, default=JSON)


def from_our_form(request: Request) -> None:
    """The same for a form. Every browser names the site of a form in Origin: a request without it is refused."""
    _check_origin(request)
    _check_content_type(request, FORM, default="")


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin", "")
    own_hosts = {request.headers.get("host"), _host_of_base_url()}
    host = origin.partition("://")[2]  # empty for "null", the origin of a page without a site
    if not host or host not in own_hosts:
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            f"Requests from {origin or 'an unknown site'} are refused: it is not Airflow's address. Expected one of "
            f"{', '.join(sorted(filter(None, own_hosts)))}. If a proxy changes the Host of requests, set "
            "AIRFLOW__API__BASE_URL to the address that browsers use.",
        )


def _host_of_base_url() -> str:
    """The host in Airflow's own address as a browser writes it: lower case, without the port of its scheme."""
    parts = urlsplit(base_url().lower())
    return parts.netloc.removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))


def _check_content_type(request: Request, expected: str, *, default: str) -> None:
    if request.headers.get("content-type", default).partition(";")[0].strip().lower() != expected:
        raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, f"Expected a body of type {expected}")
