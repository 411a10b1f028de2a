"""Draws docs/night.svg, the night at a glance, from the table of jobs.

    PYTHONPATH=plugins python docs/draw_night.py

Each job is a row, in table order, with a dot at its time. An edge leaves a dot to the right, along the row, and comes
down on the dot of the job that waits for it. Times increase from row to row, so edges to the same job join and no two
edges cross. The edge that points back in time goes up and to the left, dashed.
"""

from collections.abc import Iterator
from datetime import time
from html import escape
from pathlib import Path

from sync_jobs.catalogue import JOBS, Job, index_build_before, upstream_jobs

PICTURE = Path(__file__).with_name("night.svg")

WIDTH = 960
ROW_HEIGHT = 52
FIRST_ROW = 86
MARGIN = 24
TIME_LINE_START = 396
TIME_LINE_END = WIDTH - 44
MINUTES_A_TICK = 15
# The time line ends at the first tick that no job is after.
LAST_MINUTE = -(-(JOBS[-1].at.hour * 60 + JOBS[-1].at.minute) // MINUTES_A_TICK) * MINUTES_A_TICK
DOT = 7
CORNER = 10
ARROW_ROOM = DOT + 3
LEGEND_TOP = FIRST_ROW + ROW_HEIGHT * len(JOBS) + 14
HEIGHT = LEGEND_TOP + 92
STRIPED = JOBS[::2]

# A colour name of STYLE for each kind of job.
KINDS = {"rebuild": "rebuild", "append-only": "append", "field update": "update"}

# Colours for light and dark mode. The picture has a background of its own, so it is readable on any page.
STYLE = """
  .ground { fill: #ffffff; stroke: #d0d7de; } .stripe { fill: #f4f6f8; } .tick { stroke: #dfe4ea; }
  .name, .title, .time { fill: #1f2328; font-weight: 600; } .note { fill: #59636e; }
  .name { font-size: 14px; } .title { font-size: 17px; } .time, .note { font-size: 12px; }
  .time { paint-order: stroke; stroke: #ffffff; stroke-width: 5px; stroke-linejoin: round; }
  .on-stripe { stroke: #f4f6f8; }
  .edge { fill: none; stroke: #6e7781; stroke-width: 1.75; } .head { fill: #6e7781; }
  .back { fill: none; stroke: #bf3989; stroke-width: 1.75; stroke-dasharray: 5 4; } .back-head { fill: #bf3989; }
  .rebuild { fill: #0969da; } .append { fill: #1a7f37; } .update { fill: #bc4c00; }
  text { font-family: -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d; } .stripe { fill: #151b23; } .tick { stroke: #2a313c; }
    .name, .title, .time { fill: #f0f6fc; } .note { fill: #9198a1; }
    .time { stroke: #0d1117; } .on-stripe { stroke: #151b23; }
    .edge { stroke: #9198a1; } .head { fill: #9198a1; }
    .back { stroke: #f778ba; } .back-head { fill: #f778ba; }
    .rebuild { fill: #4493f8; } .append { fill: #3fb950; } .update { fill: #f0883e; }
  }
"""


def draw() -> str:
    """The whole picture, as the text of an SVG file."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' role="img" aria-labelledby="title description">',
        '<title id="title">The nightly jobs</title>',
        f'<desc id="description">{escape(describe())}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        *draw_stripes(),
        *draw_time_line(),
        *draw_edges(),
        *(line for job in JOBS for line in draw_job(job)),
        *draw_legend(),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def describe() -> str:
    """The picture in words, for people who cannot see it."""
    return " ".join(" ".join(describe_job(job)) for job in JOBS)


def describe_job(job: Job) -> Iterator[str]:
    """Sentences: when the job runs, what it writes, what it waits for, what it refreshes."""
    yield f"{job.at:%H:%M} {job.name} writes {job.writes}."
    if waits_for := upstream_jobs(job):
        yield f"It waits for {' and '.join(other.name for other in waits_for)}."
    if index_build := index_build_before(job):
        yield f"It refreshes documents that {index_build.name} built."


def draw_stripes() -> Iterator[str]:
    """A background behind every other row, to lead the eye from the name to the dot."""
    for job in STRIPED:
        top = row(job) - ROW_HEIGHT / 2
        yield f'<rect class="stripe" x="1" y="{top:g}" width="{WIDTH - 2}" height="{ROW_HEIGHT}"/>'


def draw_time_line() -> Iterator[str]:
    """The title, and a line with a label for each quarter of an hour."""
    yield text(MARGIN, 36, "title", "The night")
    yield text(MARGIN, 54, "note", "times in UTC")
    for minute in range(0, LAST_MINUTE + 1, MINUTES_A_TICK):
        x, bottom = across(minute), FIRST_ROW - ROW_HEIGHT / 2 + ROW_HEIGHT * len(JOBS)
        yield f'<line class="tick" x1="{x:g}" y1="{FIRST_ROW - ROW_HEIGHT / 2:g}" x2="{x:g}" y2="{bottom:g}"/>'
        yield text(x, 50, "note", f"{minute // 60:02}:{minute % 60:02}", anchor="middle")


def draw_job(job: Job) -> Iterator[str]:
    """Its name and what it writes on the left, its dot at its time."""
    x, y = across(minute_of(job.at)), row(job)
    yield text(MARGIN, y - 4, "name", job.name)
    yield text(MARGIN, y + 14, "note", f"{job.kind}: {job.writes}")
    yield text(x - DOT - 6, y + 4, "time on-stripe" if job in STRIPED else "time", f"{job.at:%H:%M}", anchor="end")
    yield f'<circle class="{KINDS[job.kind]}" cx="{x:g}" cy="{y}" r="{DOT}"/>'


def draw_edges() -> Iterator[str]:
    """What waits for what, and what points back in time."""
    for job in JOBS:
        for upstream in upstream_jobs(job):
            yield from draw_wait(upstream, job)
        if index_build := index_build_before(job):
            yield from draw_way_back(job, index_build)


def draw_wait(upstream: Job, job: Job) -> Iterator[str]:
    """An edge that leads to the right along the row of the upstream job, then down to the dot of the job."""
    x, y, start = across(minute_of(job.at)), row(job) - ARROW_ROOM, across(minute_of(upstream.at)) + DOT
    top = row(upstream)
    yield f'<path class="edge" d="M{start:g} {top} H{x - CORNER:g} Q{x:g} {top} {x:g} {top + CORNER} V{y - 5}"/>'
    yield f'<path class="head" d="M{x:g} {y} l-4.5 -9 h9 z"/>'


def draw_way_back(job: Job, earlier: Job) -> Iterator[str]:
    """Up from the dot of the job, then left to the dot of the earlier one."""
    x, y, bottom = across(minute_of(earlier.at)) + ARROW_ROOM, row(earlier), row(job) - DOT
    turn = across(minute_of(job.at))
    yield f'<path class="back" d="M{turn:g} {bottom} V{y + CORNER} Q{turn:g} {y} {turn - CORNER:g} {y} H{x + 7:g}"/>'
    yield f'<path class="back-head" d="M{x:g} {y} l9 -4.5 v9 z"/>'


def draw_legend() -> Iterator[str]:
    """What the colours and the two kinds of edge mean."""
    y = LEGEND_TOP + 10
    yield f'<line class="tick" x1="{MARGIN}" y1="{y - 20}" x2="{WIDTH - MARGIN}" y2="{y - 20}"/>'
    meanings = {
        "rebuild": "rebuild: computes everything that it owns",
        "append-only": "append-only: its own rows beside those of the job before",
        "field update": "field update: one column of a few rows",
    }
    for number, (kind, meaning) in enumerate(meanings.items()):
        line = y + 6 + 22 * number
        yield f'<circle class="{KINDS[kind]}" cx="{MARGIN + DOT}" cy="{line}" r="{DOT - 1}"/>'
        yield text(MARGIN + 24, line + 4, "note", meaning)
    left, beside = TIME_LINE_START, TIME_LINE_START + 52
    yield f'<path class="edge" d="M{left} {y + 6} h32"/>'
    yield f'<path class="head" d="M{left + 40} {y + 6} l-9 -4.5 v9 z"/>'
    yield text(beside, y + 10, "note", "the later job waits for the earlier one; after a manual run it follows")
    yield f'<path class="back" d="M{left + 40} {y + 28} h-32"/>'
    yield f'<path class="back-head" d="M{left} {y + 28} l9 -4.5 v9 z"/>'
    yield text(beside, y + 32, "note", "refreshes the documents of the persons that it changed")
    yield text(
        left,
        y + 54,
        "note",
        "Recovery runs all jobs in this order; so does a restart between 00:00 and 07:00 UTC.",
    )


def text(x: float, y: float, style: str, content: str, anchor: str = "start") -> str:
    """One line of text; anchor as in SVG: start, middle or end."""
    return f'<text class="{style}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(content)}</text>'


def row(job: Job) -> int:
    """The y coordinate of the middle of the job's row."""
    return FIRST_ROW + ROW_HEIGHT * JOBS.index(job)


def across(minute: int) -> float:
    """The x coordinate of a time, given in minutes after midnight."""
    return TIME_LINE_START + (TIME_LINE_END - TIME_LINE_START) * minute / LAST_MINUTE


def minute_of(moment: time) -> int:
    """Minutes after midnight."""
    return moment.hour * 60 + moment.minute


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
