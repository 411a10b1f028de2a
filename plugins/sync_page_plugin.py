"""Airflow plugin: the page at /sync/ in the API server, and its place in the menu."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from sync_page.asgi import PREFIX, AddSlash, LazyPage


class SyncPage(AirflowPlugin):
    """Registers the page; see sync_page.app. Every process of Airflow reads this file, so it loads no more."""

    name = "sync_page"
    fastapi_apps: list[Any] = [{"name": "Nightly sync", "url_prefix": PREFIX, "app": LazyPage()}]  # noqa: RUF012
    fastapi_root_middlewares: list[Any] = [{"name": "Slash of the page", "middleware": AddSlash}]  # noqa: RUF012
    # A link to a page of its own: shown inside of Airflow's UI, by an url_route, it could not lead anywhere else there.
    # The address is relative to the UI's, wherever that is.
    external_views: list[Any] = [  # noqa: RUF012
        {"name": "Nightly sync", "href": "sync/", "destination": "nav", "category": "browse"}
    ]
