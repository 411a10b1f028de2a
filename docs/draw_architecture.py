"""Draws docs/architecture.svg, how the parts fit together.

    PYTHONPATH=plugins:. python docs/draw_architecture.py

Three layers from top to bottom: who asks, the code, the servers. A box of the code is a package in plugins/; a package
without a place in PACKAGES is an error. An arrow points to what is used. Between packages it is an import, which a test
checks (IMPORTS), except from the runner to the jobs: the catalogue names the function of each job.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from docs.draw_night import text
from sync_jobs.catalogue import JOBS

PICTURE = Path(__file__).with_name("architecture.svg")
PLUGINS = Path(__file__).resolve().parents[1] / "plugins"

WIDTH = 960
HEIGHT = 714
MARGIN = 24
CODE_WIDTH = 676
BESIDE = 740
BESIDE_WIDTH = WIDTH - MARGIN - BESIDE
HEAD = 9

# Colours for light and dark mode. The picture has a background of its own, so it is readable on any page.
STYLE = """
  .ground { fill: #ffffff; stroke: #d0d7de; } .group { fill: #f4f6f8; stroke: #d0d7de; }
  .part { fill: #ffffff; stroke: #8c959f; } .actor { fill: #fff8f0; stroke: #bc4c00; }
  .server { fill: #eef6ff; stroke: #0969da; }
  .title, .name { fill: #1f2328; font-weight: 600; } .note { fill: #59636e; }
  .title { font-size: 17px; } .name { font-size: 14px; } .note { font-size: 12px; }
  .edge { fill: none; stroke: #6e7781; stroke-width: 1.75; } .head { fill: #6e7781; }
  text { font-family: -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d; } .group { fill: #151b23; stroke: #3d444d; }
    .part { fill: #0d1117; stroke: #656c76; } .actor { fill: #1f1710; stroke: #f0883e; }
    .server { fill: #0f1b2d; stroke: #4493f8; }
    .title, .name { fill: #f0f6fc; } .note { fill: #9198a1; }
    .edge { stroke: #9198a1; } .head { fill: #9198a1; }
  }
"""


@dataclass(frozen=True)
class Box:
    """A rectangle with a name and up to two lines under it. style: a class name of STYLE."""

    x: int
    y: int
    width: int
    height: int
    style: str
    name: str
    notes: tuple[str, ...] = ()


def part(x: int, y: int, width: int, name: str, *notes: str) -> Box:
    """A box for a part of the code."""
    return Box(x, y, width, 62, "part", name, notes)


def around(x: int, width: int, style: str, name: str, *notes: str) -> Box:
    """A box in the bottom row."""
    return Box(x, 590, width, 78, style, name, notes)


# The packages in plugins/, by their dotted name: place, width, name and what is in them.
PACKAGES = {
    "sync_page": part(208, 178, 320, "sync_page", "the page at /sync/", "and its HTTP interface"),
    "sync_airflow.night": part(544, 178, 140, "night", "states of the jobs,", "one verdict"),
    "sync_airflow.dags": part(40, 262, 128, "dags", "DAGs, schedules,", "parameters, manuals"),
    "sync_airflow.tasks": part(184, 262, 128, "tasks", "operators, sensors,", "triggers"),
    "sync_airflow.messages": part(328, 262, 112, "messages", "texts, and when", "to send them"),
    "sync_airflow.monitoring": part(456, 262, 112, "monitoring", "metrics,", "spans"),
    "sync_airflow.restart": part(584, 262, 100, "restart", "recovery after", "a restart"),
    "sync_jobs.jobs": part(544, 392, 140, "jobs", "one module", "per job"),
    "sync_jobs.index_definitions": part(40, 392, 152, "index_definitions", "one definition", "per index"),
    "sync_jobs.postgres": part(376, 484, 308, "postgres", "connections, transactions, locks,", "differences applied"),
    "sync_jobs.search": part(
        40, 484, 320, "search", "the life of any index behind an alias:", "build, verify, promote, roll back"
    ),
}

# Modules of sync_jobs that are drawn as boxes.
MODULES = {
    "sync_jobs.catalogue": part(208, 392, 152, "catalogue", "the table of", f"{len(JOBS)} jobs"),
    "sync_jobs.runner": part(376, 392, 152, "runner", "parameters, lock,", "report"),
}

# The arrows inside the code: who imports whom.
IMPORTS = (
    ("sync_airflow.dags", "sync_airflow.tasks"),
    ("sync_airflow.tasks", "sync_airflow.messages"),
    ("sync_page", "sync_airflow.night"),
    ("sync_airflow.tasks", "sync_jobs.runner"),
    ("sync_jobs.runner", "sync_jobs.catalogue"),
    ("sync_jobs.jobs", "sync_jobs.postgres"),
    ("sync_jobs.jobs", "sync_jobs.search"),
    ("sync_jobs.catalogue", "sync_jobs.index_definitions"),
    ("sync_jobs.index_definitions", "sync_jobs.search"),
    ("sync_jobs.search", "sync_jobs.postgres"),
)

GROUPS = (
    Box(MARGIN, 146, CODE_WIDTH, 190, "group", "Airflow", ("sync_airflow, sync_page: the glue",)),
    Box(MARGIN, 360, CODE_WIDTH, 198, "group", "sync_jobs", ("the jobs: plain Python, no Airflow",)),
)

OPERATORS = Box(MARGIN, 70, WIDTH - 2 * MARGIN, 46, "actor", "Operators and their scripts")
DAG_FILES = part(40, 178, 152, "dags/", "the files that", "Airflow reads")
SLACK = Box(BESIDE, 262, BESIDE_WIDTH, 62, "server", "Slack, e-mail", ("started, finished, failed",))
COLLECTOR = Box(BESIDE, 356, BESIDE_WIDTH, 62, "server", "Collector", ("StatsD or OpenTelemetry",))
POSTGRESQL = around(
    376, 324, "server", "PostgreSQL, database tcs", "the application's tables;", "those that the jobs own"
)
ELASTICSEARCH = around(
    MARGIN, 336, "server", "Elasticsearch", "the alias of each index;", "its live, previous and unfinished indices"
)
APPLICATION = around(
    BESIDE, BESIDE_WIDTH, "actor", "TIS application", "its screens search the alias;", "its edits are written to both"
)
AROUND = (OPERATORS, DAG_FILES, SLACK, COLLECTOR, POSTGRESQL, ELASTICSEARCH, APPLICATION)


def draw() -> str:
    """The whole picture, as the text of an SVG file. Raises ValueError if it misses a package or shows one too many."""
    if set(PACKAGES) != packages_found():
        raise ValueError(f"expected a place for each of {sorted(packages_found())}, found {sorted(PACKAGES)}")
    boxes = (*AROUND, *PACKAGES.values(), *MODULES.values())
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' role="img" aria-labelledby="title description">',
        '<title id="title">How the parts fit together</title>',
        f'<desc id="description">{escape(describe())}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        text(MARGIN, 36, "title", "How the parts fit together"),
        text(MARGIN, 54, "note", "arrows point to what is used"),
        *(line for group in GROUPS for line in draw_group(group)),
        *draw_arrows(),
        *(line for box in boxes for line in draw_box(box)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def packages_found() -> set[str]:
    """The dotted names of the packages in plugins/ that have a box: sub-packages, or a package that has none."""
    names = {".".join(path.parent.relative_to(PLUGINS).parts) for path in PLUGINS.rglob("__init__.py")}
    return {name for name in names if not any(other.startswith(f"{name}.") for other in names)}


def describe() -> str:
    """The picture in words, for people who cannot see it."""
    parts = [f"{box.name}: {' '.join(box.notes)}." for box in (*PACKAGES.values(), *MODULES.values())]
    used = [f"{user} uses {used}." for user, used in IMPORTS]
    return " ".join(
        [
            "Operators use the page and Airflow.",
            *parts,
            *used,
            "search writes to Elasticsearch, postgres to PostgreSQL, messages to Slack, monitoring to a collector.",
            "The TIS application reads and writes both servers.",
        ]
    )


def draw_group(box: Box) -> Iterator[str]:
    """A frame around boxes, with its name in one corner and its note in the other."""
    yield rectangle(box)
    yield text(box.x + 16, box.y + 22, "name", box.name)
    yield text(box.x + box.width - 16, box.y + 22, "note", box.notes[0], anchor="end")


def draw_box(box: Box) -> Iterator[str]:
    """The rectangle, and its lines of text in the middle."""
    yield rectangle(box)
    centre, top = box.x + box.width / 2, box.y + (box.height - 17 * len(box.notes)) / 2
    yield text(centre, top + 5, "name", box.name, anchor="middle")
    for number, note in enumerate(box.notes, start=1):
        yield text(centre, top + 6 + 16 * number, "note", note, anchor="middle")


def rectangle(box: Box) -> str:
    """The outline of a box."""
    return f'<rect class="{box.style}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="6"/>'


def draw_arrows() -> Iterator[str]:
    """Straight lines between adjacent parts, and lines with corners around the others."""
    page, night, tasks = PACKAGES["sync_page"], PACKAGES["sync_airflow.night"], PACKAGES["sync_airflow.tasks"]
    dags, messages = PACKAGES["sync_airflow.dags"], PACKAGES["sync_airflow.messages"]
    monitoring = PACKAGES["sync_airflow.monitoring"]
    jobs, definitions = PACKAGES["sync_jobs.jobs"], PACKAGES["sync_jobs.index_definitions"]
    search, postgres = PACKAGES["sync_jobs.search"], PACKAGES["sync_jobs.postgres"]
    catalogue, runner = MODULES["sync_jobs.catalogue"], MODULES["sync_jobs.runner"]

    yield from down(116, OPERATORS, DAG_FILES)
    yield from down(446, OPERATORS, page)
    yield from down(116, DAG_FILES, dags)
    yield from across(page, night)
    yield from across(dags, tasks)
    yield from across(tasks, messages)
    yield from path([(384, messages.y), (384, 251), (838, 251), (838, SLACK.y)])
    yield from path([(512, bottom(monitoring)), (512, 345), (838, 345), (838, COLLECTOR.y)])
    yield from path([(248, bottom(tasks)), (248, 348), (452, 348), (452, runner.y)])
    yield from across(runner, catalogue)
    yield from across(runner, jobs)
    yield from across(catalogue, definitions)
    yield from down(116, definitions, search)
    yield from path([(580, bottom(jobs)), (580, 469), (280, 469), (280, search.y)])
    yield from down(640, jobs, postgres)
    yield from across(search, postgres)
    yield from down(192, search, ELASTICSEARCH)
    yield from down(530, postgres, POSTGRESQL)
    yield from across(APPLICATION, POSTGRESQL)
    under = bottom(APPLICATION) + 22
    yield from path([(838, bottom(APPLICATION)), (838, under), (192, under), (192, bottom(ELASTICSEARCH))])


def down(x: int, upper: Box, lower: Box) -> Iterator[str]:
    """An arrow from a box to the one below it."""
    yield from path([(x, bottom(upper)), (x, lower.y)])


def across(box: Box, other: Box) -> Iterator[str]:
    """An arrow from a box to the one on its right or on its left."""
    y = box.y + box.height // 2
    ends = (box.x + box.width, other.x) if box.x < other.x else (box.x, other.x + other.width)
    yield from path([(ends[0], y), (ends[1], y)])


def path(corners: list[tuple[int, int]]) -> Iterator[str]:
    """A line through these points, with a head at the last one."""
    (before_x, before_y), (x, y) = corners[-2:]
    step_x, step_y = (x > before_x) - (x < before_x), (y > before_y) - (y < before_y)
    line = " L".join(f"{a} {b}" for a, b in [*corners[:-1], (x - step_x * HEAD, y - step_y * HEAD)])
    yield f'<path class="edge" d="M{line}"/>'
    back_x, back_y = x - step_x * HEAD, y - step_y * HEAD
    yield (
        f'<path class="head" d="M{x} {y} L{back_x + step_y * 4.5:g} {back_y + step_x * 4.5:g}'
        f' L{back_x - step_y * 4.5:g} {back_y - step_x * 4.5:g} z"/>'
    )


def bottom(box: Box) -> int:
    """The y coordinate of its lower edge."""
    return box.y + box.height


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
