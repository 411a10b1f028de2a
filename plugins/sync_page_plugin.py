"""Airflow plugin: the page at /sync/ in the API server, and its menu entry."""

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from sync_page.asgi import PREFIX, AddSlash, LazyPage, RefuseFrames, SayThatDatabaseIsDown


class SyncPage(AirflowPlugin):
    """Registers the page (sync_page.app). Every Airflow process reads this file, so it imports little."""

    name = "sync_page"
    fastapi_apps: list[Any] = [{"name": "Nightly sync", "url_prefix": PREFIX, "app": LazyPage()}]  # noqa: RUF012
    fastapi_root_middlewares: list[Any] = [  # noqa: RUF012
        {"name": "Slash of the page", "middleware": AddSlash},
        {"name": "Frames", "middleware": RefuseFrames},
        {"name": "Database of Airflow", "middleware": SayThatDatabaseIsDown},
    ]
    # A link to a separate page: embedded in Airflow's UI (with a url_route), its links to other pages would not work.
    # The address is relative to the UI's base address.
    external_views: list[Any] = [  # noqa: RUF012
        {"name": "Nightly sync", "href": "sync/", "destination": "nav", "category": "browse"}
    ]
