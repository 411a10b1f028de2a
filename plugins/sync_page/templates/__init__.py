"""The templates of the pages (Jinja2)."""

from pathlib import Path

FOLDER = Path(__file__).parent
