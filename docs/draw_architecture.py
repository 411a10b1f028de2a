"""Draws docs/architecture.svg, how the parts fit together.

    PYTHONPATH=plugins:. python docs/draw_architecture.py

Three layers from top to bottom: who asks, the code, the servers. A box of the code is a package, found in plugins/; one
that has no place in PACKAGES, or has gone, is an error. An arrow points to what is used: between packages it is an
import that exists, which a test checks (IMPORTS).
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


# The packages in plugins/, by their dotted name: place, size and what is in them.
PACKAGES = {
    "sync_page": Box(208, 178, 476, 62, "part", "sync_page", ("the page at /sync/", "and its HTTP interface")),
    "sync_airflow.dags": Box(40, 262, 152, 62, "part", "dags", ("DAGs, schedules,", "parameters, manuals")),
    "sync_airflow.tasks": Box(208, 262, 152, 62, "part", "tasks", ("operators, sensors,", "triggers")),
    "sync_airflow.messages": Box(376, 262, 152, 62, "part", "messages", ("what the channel", "is told")),
    "sync_airflow.restart": Box(544, 262, 140, 62, "part", "restart", ("recovery after", "a restart")),
    "sync_jobs.jobs": Box(376, 392, 152, 62, "part", "jobs", ("one module", "per job")),
    "sync_jobs.index_definitions": Box(544, 392, 140, 62, "part", "index_definitions", ("one definition", "per index")),
    "sync_jobs.postgres": Box(
        40, 484, 320, 62, "part", "postgres", ("connections, transactions, locks,", "differences applied")
    ),
    "sync_jobs.search": Box(
        376, 484, 308, 62, "part", "search", ("the life of any index behind an alias:", "build, verify, promote, roll back")
    ),
}

# Modules of sync_jobs that are drawn as boxes.
MODULES = {
    "sync_jobs.catalogue": Box(40, 392, 152, 62, "part", "catalogue", ("the table of", f"{len(JOBS)} jobs")),
    "sync_jobs.runner": Box(208, 392, 152, 62, "part", "runner", ("arguments, lock,", "report")),
}

# The arrows inside the code: who imports whom.
IMPORTS = (
    ("sync_airflow.dags", "sync_airflow.tasks"),
    ("sync_airflow.tasks", "sync_airflow.messages"),
    ("sync_page", "sync_airflow.tasks"),
    ("sync_airflow.tasks", "sync_jobs.runner"),
    ("sync_jobs.runner", "sync_jobs.catalogue"),
    ("sync_jobs.jobs", "sync_jobs.postgres"),
    ("sync_jobs.jobs", "sync_jobs.search"),
    ("sync_jobs.jobs", "sync_jobs.index_definitions"),
    ("sync_jobs.index_definitions", "sync_jobs.search"),
    ("sync_jobs.search", "sync_jobs.postgres"),
)

GROUPS = (
    Box(MARGIN, 146, CODE_WIDTH, 190, "group", "Airflow"),
    Box(MARGIN, 360, CODE_WIDTH, 198, "group", "sync_jobs"),
)

AROUND = {
    "operators": Box(MARGIN, 70, WIDTH - 2 * MARGIN, 46, "actor", "Operators and their scripts"),
    "dag files": Box(40, 178, 152, 62, "part", "dags/", ("the files that", "Airflow reads")),
    "slack": Box(BESIDE, 262, BESIDE_WIDTH, 62, "server", "Slack", ("started, finished, failed",)),
    "application": Box(
        BESIDE, 590, BESIDE_WIDTH, 78, "actor", "TIS application", ("its screens search the alias;", "its edits are written to both")
    ),
    "postgresql": Box(
        MARGIN, 590, 336, 78, "server", "PostgreSQL, database tcs", ("the application's tables;", "three that the jobs own")
    ),
    "elasticsearch": Box(
        376, 590, 324, 78, "server", "Elasticsearch", ("the alias of each index:", "live, previous, unfinished")
    ),
}


def draw() -> str:
    """The whole picture, as the text of an SVG file. Raises ValueError if it misses a package or shows one too many."""
    if set(PACKAGES) != packages_found():
        raise ValueError(f"expected a place for each of {sorted(packages_found())}, found {sorted(PACKAGES)}")
    boxes = (*AROUND.values(), *PACKAGES.values(), *MODULES.values())
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
            "search writes to Elasticsearch, postgres to PostgreSQL, messages to Slack.",
            "The TIS application reads and writes both servers.",
        ]
    )


def draw_group(box: Box) -> Iterator[str]:
    """A frame around boxes, with its name in the top left corner."""
    yield rectangle(box)
    yield text(box.x + 16, box.y + 22, "name", box.name)
    caption = {"Airflow": "sync_airflow, sync_page: the glue", "sync_jobs": "the jobs: plain Python, no Airflow"}[box.name]
    yield text(box.x + box.width - 16, box.y + 22, "note", caption, anchor="end")


def draw_box(box: Box) -> Iterator[str]:
    """The rectangle, and its lines of text in the middle."""
    yield rectangle(box)
    centre, top = box.x + box.width / 2, box.y + (box.height - 17 * len(box.notes)) / 2
    yield text(centre, top + 5, "name", box.name, anchor="middle")
    for number, note in enumerate(box.notes, start=1):
        yield text(centre, top + 6 + 16 * number, "note", note, anchor="middle")


def rectangle(box: Box) -> str:
    return f'<rect class="{box.style}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="6"/>'


def draw_arrows() -> Iterator[str]:
    """Straight lines between neighbours, and lines with corners around the others."""
    page, tasks = PACKAGES["sync_page"], PACKAGES["sync_airflow.tasks"]
    messages, restart = PACKAGES["sync_airflow.messages"], PACKAGES["sync_airflow.restart"]
    jobs, definitions = PACKAGES["sync_jobs.jobs"], PACKAGES["sync_jobs.index_definitions"]
    search, postgres = PACKAGES["sync_jobs.search"], PACKAGES["sync_jobs.postgres"]
    catalogue, runner = MODULES["sync_jobs.catalogue"], MODULES["sync_jobs.runner"]
    dag_files, application = AROUND["dag files"], AROUND["application"]
    postgresql, elasticsearch = AROUND["postgresql"], AROUND["elasticsearch"]

    yield from down(116, AROUND["operators"], dag_files)
    yield from down(446, AROUND["operators"], page)
    yield from down(116, dag_files, PACKAGES["sync_airflow.dags"])
    yield from down(284, page, tasks)
    yield from right(PACKAGES["sync_airflow.dags"], tasks)
    yield from right(tasks, messages)
    yield from path([(messages.x + 76, messages.y), (messages.x + 76, 251), (838, 251), (838, restart.y)])
    yield from down(284, tasks, runner)
    yield from path([(runner.x, middle(runner)), (right_side(catalogue), middle(catalogue))])
    yield from right(runner, jobs)
    yield from right(jobs, definitions)
    yield from down(480, jobs, search)
    yield from path([(400, bottom(jobs)), (400, 469), (280, 469), (280, postgres.y)])
    yield from down(614, definitions, search)
    yield from path([(search.x, middle(search)), (right_side(postgres), middle(postgres))])
    yield from down(200, postgres, postgresql)
    yield from down(530, search, elasticsearch)
    yield from path([(application.x, middle(application)), (right_side(elasticsearch), middle(elasticsearch))])
    under = bottom(application) + 22
    yield from path([(838, bottom(application)), (838, under), (192, under), (192, bottom(postgresql))])


def down(x: int, upper: Box, lower: Box) -> Iterator[str]:
    yield from path([(x, bottom(upper)), (x, lower.y)])


def right(left: Box, right_box: Box) -> Iterator[str]:
    yield from path([(right_side(left), middle(left)), (right_box.x, middle(right_box))])


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
    return box.y + box.height


def middle(box: Box) -> int:
    return box.y + box.height // 2


def right_side(box: Box) -> int:
    return box.x + box.width


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
