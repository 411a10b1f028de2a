"""The form that triggers a run on Airflow's page of a DAG."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from playwright.sync_api import Locator, Page, expect


@dataclass
class TriggerForm:
    """The open form of a DAG."""

    page: Page
    dag_id: str

    def __post_init__(self) -> None:
        if urlsplit(self.page.url).path != f"/dags/{self.dag_id}":
            self.page.goto(f"/dags/{self.dag_id}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        expect(self._button).to_be_enabled()

    @property
    def whole(self) -> Locator:
        return self.page.get_by_role("dialog")

    def row(self, param: str) -> Locator:
        """The title, description and field of a param."""
        return self.whole.get_by_role("group").filter(has=self._field(param))

    def fill(self, **params: str | bool) -> None:
        for param, value in params.items():
            field = self._field(param)
            if not isinstance(value, bool):
                field.fill(value)
            elif field.is_checked() != value:
                field.press("Space")  # a switch is drawn beside the box, which itself cannot be clicked

    def send(self) -> None:
        self._button.press("Enter")  # a click might hit the notification of an earlier refusal

    def run_id(self) -> str:
        """The id of the started run, once Airflow shows it."""
        self.page.wait_for_url(f"**/dags/{self.dag_id}/runs/**")
        return unquote(urlsplit(self.page.url).path.split("/")[4])

    def start(self, **params: str | bool) -> str:
        """Fill in the form, send it, and return the id of the run."""
        self.fill(**params)
        self.send()
        return self.run_id()

    def _field(self, param: str) -> Locator:
        return self.page.locator(f"[name=element_{param}]")

    @property
    def _button(self) -> Locator:
        return self.whole.get_by_role("button", name="Trigger", exact=True)
