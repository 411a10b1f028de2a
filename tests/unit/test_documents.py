"""Documents are checked against the code that they describe, where that is possible."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs import draw_architecture, write_index_settings
from docs.draw_night import PICTURE, describe, draw
from docs.write_order import RUN_BOOK, with_tables
from sync_jobs.catalogue import JOBS, index_build_before, upstream_jobs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("requirements", sorted(path.name for path in ROOT.glob("requirements*.in")))
def test_dependencies_document_says_why_each_direct_dependency_is_there(requirements: str) -> None:
    wanted = [
        re.split(r"[\[=<>~!; ]", line)[0]
        for line in (ROOT / requirements).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("-r", "#"))
    ]
    document = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(requirements)}.*?(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    assert section, f"docs/dependencies.md has no section {requirements}"
    rows = re.findall(r"^\| (\S+) \| (.+) \|$", section[0], re.MULTILINE)
    assert [package for package, _ in rows if package != "package"] == wanted


def test_the_picture_of_the_night_is_what_the_code_draws() -> None:
    assert PICTURE.read_text(encoding="utf-8") == draw(), "run: make generate"


def test_the_run_book_has_the_order_that_the_table_of_jobs_has() -> None:
    run_book = RUN_BOOK.read_text(encoding="utf-8")
    assert run_book == with_tables(run_book), "run: make generate"


def test_the_picture_has_an_edge_for_each_wait_and_for_each_refreshed_index() -> None:
    picture = draw().split('x1="24"')[0]  # without the legend
    assert picture.count('class="edge"') == sum(len(upstream_jobs(job)) for job in JOBS)
    assert picture.count('class="back"') == sum(index_build_before(job) is not None for job in JOBS)


def test_the_description_of_the_picture_says_what_it_shows() -> None:
    words = describe()
    assert "01:29 PersonElasticSearchSyncJob writes Elasticsearch index persons." in words
    assert "It waits for PersonPlacementEmployingBodyTrustJob." in words
    assert "It refreshes documents that PersonElasticSearchSyncJob built." in words


def test_the_architecture_picture_is_what_the_code_draws() -> None:
    drawn = draw_architecture.PICTURE.read_text(encoding="utf-8")
    assert drawn == draw_architecture.draw(), "run: make generate"


@pytest.mark.parametrize(("user", "used"), draw_architecture.IMPORTS)
def test_an_arrow_of_the_architecture_picture_is_an_import_that_exists(user: str, used: str) -> None:
    path = ROOT / "plugins" / user.replace(".", "/")
    files = [path.with_suffix(".py")] if path.with_suffix(".py").is_file() else sorted(path.rglob("*.py"))
    assert any(imports(file, used) for file in files)


def imports(file: Path, module: str) -> bool:
    """Whether a file imports a module or something in it, perhaps only where it is needed."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return any(name == module or name.startswith(f"{module}.") for name in found)


def test_the_list_of_decisions_is_complete() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\) \| (.+) \|", (folder / "README.md").read_text(encoding="utf-8"))
    records = [(path.name, path.read_text(encoding="utf-8").splitlines()[0]) for path in sorted(folder.glob("0*.md"))]
    assert [(name, f"# {int(name[:4])}. {title}") for name, title in listed] == records


def quotes_of(table: str) -> list[str]:
    """What the first column of a table quotes."""
    rows = [row for row in table.splitlines() if row.startswith("|")]
    return [quote for row in rows for quote in re.findall(r"`([^`]+)`", row.split(" | ")[0])]


def test_the_run_book_quotes_messages_that_the_code_has() -> None:
    texts = [text for path in sorted((ROOT / "plugins").rglob("*.py")) for text in texts_of(path)]
    quoted = quotes_of(RUN_BOOK.read_text(encoding="utf-8").split("| the log says |")[1].split("\n\n")[0])
    assert len(quoted) > 10
    missing = [quote for quote in quoted if not any(is_said(quote, text) for text in texts)]
    assert not missing, f"docs/operations.md quotes what no text in plugins/ says: {missing}"


WORD = re.compile(r"[A-Za-z]{2,}")

# Errors that only a program can cause, and texts that the text of another error contains.
NOT_FOR_OPERATORS = (
    "No job builds the index",
    "This job has no index",
    "expected a connection outside of any transaction",
    "expected a row, found none",
    "is after the run date",
    "a manual run waits for no other job",
    "does not take a",
    "Expected some of",
    "expected the labels",
    "Unknown DAG",
    "has no time zone",
    "is new and still paused",
    "Airflow's database does not answer",
    # of the message "Connection ...: ..."
    "expected a host as name",
    "expected at least one node in host",
    "expected the schema http or https",
    "its hosts have different users",
    "cloud_id in extra is not one",
    # of the message "Messages: ..."
    "expected a JSON list",
    "expected each entry to have notifier",
    "is not a notifier of Airflow",
    "A message could not be sent: %s",
)


def test_the_run_book_has_a_row_for_each_error_and_warning() -> None:
    folders = ("sync_jobs", "sync_airflow")
    files = [path for name in folders for path in (ROOT / "plugins" / name).rglob("*.py")]
    files.append(ROOT / "plugins" / "sync_page" / "index_checks.py")
    said = {text for path in sorted(files) for text in errors_and_warnings_of(path)}
    assert len(said) > 30
    known = (*quotes_of(RUN_BOOK.read_text(encoding="utf-8")), *NOT_FOR_OPERATORS)
    missing = [text for text in sorted(said) if not any(is_said(quote, text) for quote in known)]
    assert not missing, f"docs/operations.md has no row for these messages: {missing}"


def errors_and_warnings_of(file: Path) -> Iterator[str]:
    """The texts with at least three words in what a Python file raises, fails with or logs as a warning."""
    calls = ("warning", "error", "exception", "fail", "_fail")
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        is_error = isinstance(node, ast.Raise) and "AirflowSkipException" not in ast.unparse(node)
        if is_error or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in calls):
            yield from (text for text in whole_texts_of(node) if len(WORD.findall(text)) > 2)


def texts_of(file: Path) -> Iterator[str]:
    """The texts in a Python file, "..." for each value in them."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield text_of(node)


def whole_texts_of(node: ast.AST) -> Iterator[str]:
    """The texts in a statement, "..." for each value in them, without the parts of texts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield text_of(node)
    else:
        for child in ast.iter_child_nodes(node):
            yield from whole_texts_of(child)


def text_of(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values)


def is_said(quote: str, text: str) -> bool:
    """Whether the parts of a quote, which "..." divides, are in the text in that order."""
    return re.search(".*".join(re.escape(part.strip()) for part in quote.split("...")), text, re.DOTALL) is not None


def test_the_page_of_index_settings_is_current() -> None:
    page = write_index_settings.PAGE.read_text(encoding="utf-8")
    assert page == write_index_settings.page(), "run: make generate"


def test_no_documented_command_asks_for_a_password() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    users = re.compile(r"(?:--user|-u) +(\S+)")
    asking = [name for page in pages for name in users.findall(page.read_text(encoding="utf-8")) if ":" not in name]
    assert asking == []


PACKAGES = sorted(
    path.parent
    for path in (ROOT / "plugins").rglob("__init__.py")
    if path.parent.name not in ("jobs", "index_definitions")  # one module for each row or definition
)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_docstring_of_a_package_names_each_of_its_modules(package: Path) -> None:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    subpackages = {path.parent.name for path in package.glob("*/__init__.py")}
    assert modules | subpackages <= set(re.findall(r"\w+", docstring))
