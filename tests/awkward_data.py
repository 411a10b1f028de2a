"""Small random data sets in which everything that can be awkward in the application's data occurs often.

A seed makes a data set: tables of a few dozen persons around a run date, with the wrong leftovers in the tables
that the jobs own. Equal seeds make equal data sets, and the seed is in the name of each test that uses one. Some
seeds never change; one is the seed of the session (tests/random_seed.py).
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from tests.naive_model import Row, Tables, person_owners, person_trusts, post_trusts
from tests.random_seed import session_seed

Connection = psycopg.Connection[Any]
T = TypeVar("T")

COLUMNS: dict[str, tuple[str, ...]] = {
    "person": ("id", "intrepid_id", "status", "role", "public_health_number", "added_date", "amended_date"),
    "contact_details": ("id", "surname", "forenames", "known_as", "email"),
    "gmc_details": ("id", "gmc_number", "gmc_status"),
    "gdc_details": ("id", "gdc_number", "gdc_status"),
    "specialty": ("id", "specialty_code", "name"),
    "programme": ("id", "owner", "programme_name", "programme_number", "status"),
    "post": (
        "id",
        "national_post_number",
        "status",
        "owner",
        "employing_body_id",
        "training_body_id",
        "funding_status",
    ),
    "post_funding": ("id", "post_id", "funding_type", "start_date", "end_date"),
    "placement": (
        "id",
        "trainee_id",
        "post_id",
        "date_from",
        "date_to",
        "grade_id",
        "grade_abbreviation",
        "site_id",
        "site_code",
        "placement_type",
    ),
    "placement_specialty": ("placement_id", "specialty_id", "placement_specialty_type"),
    "programme_membership": (
        "uuid",
        "person_id",
        "programme_id",
        "programme_membership_type",
        "programme_start_date",
        "programme_end_date",
    ),
    "curriculum_membership": (
        "id",
        "programme_membership_uuid",
        "curriculum_id",
        "curriculum_start_date",
        "curriculum_end_date",
    ),
    "person_owner": ("id", "owner", "rule"),
    "person_trust": ("person_id", "trust_id", "body"),
    "post_trust": ("post_id", "trust_id", "body"),
}
# Far from today on purpose: a job that uses the current date gives other rows than the model.
RUN_DATES = tuple(
    date.fromisoformat(day)
    for day in (
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
        "2023-03-01",
        "2000-02-29",
        "2100-03-01",
        "1999-12-31",
        "2020-01-01",
        "2035-12-31",
        "2036-01-01",
        "2019-03-31",
        "2019-10-27",
    )
)

AWKWARD_IDS = (0, -1, -7, 2**31, 2**53 - 1, 2**53, 2**53 + 1, 2**53 + 2, -(2**53) - 1, 2**63 - 1, -(2**63))

AWKWARD_TEXTS = (
    "",
    " ",
    "  blanks at both ends  ",
    "O'Brien",
    "d''Arcy",
    'Anna "Anni"',
    "back\\slash",
    "ends with backslash\\",
    "\\N",
    "\\.",
    "\\n",
    "\\u0000",
    "\\x00",
    "\\",
    '"',
    '\\"',
    "new\nline",
    "\n",
    "\\.\n",
    "carriage\rreturn",
    "\r\n",
    "tab\tulator",
    "form\x0cfeed and \x08",
    "".join(map(chr, range(1, 32))),
    "\x7f\x80\x85\x9f\xa0\xad",
    "👩🏽‍⚕️🏥",
    "Zoe\u0308 e\u0301\u0323",
    "Zoë",
    "line\u2028separator\u2029",
    "\ufeffbyte order mark",
    "\u200b\u200f\u202emarks",
    "\ud7ff\ue000\ufffd\uffff\U0010ffff",
    "Nguyễn Thị Minh Khai",
    "محمد علي",
    "李小龍",
    "İıſßẞ",
    "x" * 300,
    "é" * 300,
    "🏥" * 300,
    '{"index": {}}',
    '{"personId": 1}',
    '"},"surname":"x',
    "[]",
    "null",
    "NULL",
    "true",
    "0",
    "-0",
    "1e400",
    "2024-02-30",
    "%s %(name)s %%",
    "${x} {0} {{x}}",
    "a,b;c|d",
    "*?~:/&<>",
    "</script>",
    "--",
    "/* */",
    "'; DROP TABLE person; --",
)
SURNAMES = ("Smith", "Jones", "Patel", "smith", "SMITH", "van der Berg", "McDonald", "Ó Súilleabháin")
FORENAMES = ("Anna", "John Paul", "Mohammed", "Wei", "Zoë", "Anne-Marie")
OWNERS = (
    "London LETBs",
    "North East",
    "East of England",
    "Health Education England Wessex",
    "",
    "O'Office \\N\t\u2028",
)
STATUSES = ("CURRENT", "INACTIVE", "DELETE", None)
PLACEMENT_TYPES = ("In post", "OOPT", "Parental Leave", "")
SPECIALTY_TYPES = ("PRIMARY", "PRIMARY", "PRIMARY", "OTHER", "SUB_SPECIALTY", "primary", "", None)


@dataclass(frozen=True)
class DataSet:
    """first_date: the first date that a run after missed nights covers. tables: the jobs' tables have leftovers."""

    seed: int
    run_date: date
    first_date: date
    tables: Tables


def seeds(count: int) -> list[int]:
    """That many seeds: fixed ones, and last the seed of this session."""
    return [*range(1, count), session_seed()]


def seed_id(seed: int) -> str:
    return f"seed={seed}"


def make_data_set(seed: int) -> DataSet:
    """Make the data set of that seed."""
    generator = _Generator(random.Random(seed))
    tables = generator.application_tables()
    data_set = DataSet(
        seed=seed,
        run_date=generator.run_date,
        first_date=generator.run_date - timedelta(days=generator.random.randrange(1, 5)),
        tables=tables,
    )
    return replace(data_set, tables=tables | generator.leftovers(tables))


def load(connection: Connection, tables: Tables) -> None:
    """Replace the contents of the database by these tables. A column that a row does not have becomes NULL."""
    with connection.transaction(), connection.cursor() as cursor:
        for table in COLUMNS:
            cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        for table, rows in tables.items():
            columns = COLUMNS[table]
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)) as copy:
                for row in rows:
                    copy.write_row([row.get(column) for column in columns])


def read_tables(connection: Connection) -> Tables:
    """Read all tables from the database."""
    return {table: read_table(connection, table) for table in COLUMNS}


def read_table(connection: Connection, table: str) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS[table]))
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(names, sql.Identifier(table), names)
        return cursor.execute(query).fetchall()


class _Generator:
    """Makes the tables, one after another, from one source of random numbers."""

    def __init__(self, source: random.Random) -> None:
        self.random = source
        self.run_date = self.a_run_date()

    def application_tables(self) -> Tables:
        person_ids = self.ids(self.random.randrange(30, 121))
        programme_ids = self.ids(12)
        post_ids = self.ids(40)
        specialty_ids = self.ids(10)
        placements = self.placements(person_ids, post_ids)
        memberships = self.memberships(person_ids, programme_ids)
        return {
            "person": [self.person(person_id) for person_id in person_ids],
            "contact_details": [self.contact_details(i) for i in self.most_and_a_few_strays(person_ids, 0.85)],
            "gmc_details": [self.gmc_details(i) for i in self.most_and_a_few_strays(person_ids, 0.6)],
            "gdc_details": [self.gdc_details(i) for i in self.most_and_a_few_strays(person_ids, 0.3)],
            "specialty": self.specialties(specialty_ids),
            "programme": [self.programme(programme_id) for programme_id in programme_ids],
            "post": [self.post(post_id) for post_id in post_ids],
            "post_funding": self.fundings(post_ids),
            "placement": placements,
            "placement_specialty": self.placement_specialties(placements, specialty_ids),
            "programme_membership": memberships,
            "curriculum_membership": self.curriculum_memberships(memberships),
        }

    def leftovers(self, tables: Tables) -> Tables:
        """Rows of earlier nights in the tables that the jobs own: some right, some wrong, some missing, some stale.

        The stale rows are few enough for the guard rail to allow their removal.
        """
        return {
            "person_owner": self.leftover_owners(tables),
            "person_trust": self.leftover_trusts("person_id", tables["person"], lambda b: person_trusts(tables, b)),
            "post_trust": self.leftover_trusts("post_id", tables["post"], lambda b: post_trusts(tables, b)),
        }

    def leftover_owners(self, tables: Tables) -> list[Row]:
        rows = []
        for person_id, (owner, rule) in person_owners(tables, self.run_date).items():
            choice = self.random.random()
            if choice < 0.5:
                rows.append({"id": person_id, "owner": owner, "rule": rule})
            elif choice < 0.6:
                rows.append({"id": person_id, "owner": owner, "rule": self.random.choice(("P1", "P8", "P9", None))})
            elif choice < 0.8:
                rows.append({"id": person_id, "owner": self.random.choice((*OWNERS, None)), "rule": rule})
        known = {row["id"] for row in tables["person"]}
        strays = set(self.ids(6)) - known
        return rows + [{"id": stray, "owner": self.a_text(), "rule": "P2"} for stray in strays]

    def leftover_trusts(
        self, column: str, owners: list[Row], right_pairs: Callable[[str], set[tuple[int, int]]]
    ) -> list[Row]:
        rows = []
        for body in ("EMPLOYING", "TRAINING"):
            pairs = {pair for pair in sorted(right_pairs(body)) if self.chance(0.7)}
            stale = {(self.random.choice(owners)["id"], self.a_body_id() or 0) for _ in range(10)}
            strays = {(stray, self.a_body_id() or 0) for stray in self.ids(4)}
            rows += [{column: one, "trust_id": trust, "body": body} for one, trust in sorted(pairs | stale | strays)]
        return rows

    # One row each

    def person(self, person_id: int) -> Row:
        return {
            "id": person_id,
            "intrepid_id": self.a_text(),
            "status": self.random.choice(STATUSES),
            "role": self.random.choice(("DR in Training", "DR in Training,Educational Supervisor", self.a_text())),
            "public_health_number": self.a_text(),
            "added_date": datetime(2015, 3, 29, 1, 30, tzinfo=UTC),
            "amended_date": None,
        }

    def contact_details(self, person_id: int) -> Row:
        return {
            "id": person_id,
            "surname": self.random.choice((*SURNAMES, self.a_text())),
            "forenames": self.random.choice((*FORENAMES, self.a_text(), self.a_text())),
            "known_as": self.a_text(),
            "email": self.a_text(),
        }

    def gmc_details(self, person_id: int) -> Row:
        return {
            "id": person_id,
            "gmc_number": self.random.choice((str(self.random.randrange(10**7)), "UNKNOWN", self.a_text())),
            "gmc_status": self.a_text(),
        }

    def gdc_details(self, person_id: int) -> Row:
        return {
            "id": person_id,
            "gdc_number": self.random.choice((str(self.random.randrange(10**5)), self.a_text())),
            "gdc_status": self.a_text(),
        }

    def programme(self, programme_id: int) -> Row:
        return {
            "id": programme_id,
            "owner": self.an_owner(),
            "programme_name": self.random.choice(("Cardiology", "General Practice South", self.a_text())),
            "programme_number": self.a_text(),
            "status": self.random.choice(("CURRENT", "INACTIVE", None)),
        }

    def post(self, post_id: int) -> Row:
        return {
            "id": post_id,
            "national_post_number": self.a_text(),
            "status": self.random.choice(("CURRENT", "INACTIVE", "DELETE", None)),
            "owner": self.an_owner(),
            "employing_body_id": self.a_body_id(),
            "training_body_id": self.a_body_id(),
            "funding_status": self.random.choice(("CURRENT", "CURRENT", "INACTIVE", "", None)),
        }

    # Tables whose rows depend on each other

    def specialties(self, specialty_ids: list[int]) -> list[Row]:
        """There are fewer names than specialties, so several specialties have the same name."""
        names = ("Cardiology", "Cardiology", "Oral Surgery", None, self.a_text(), self.a_text())
        return [{"id": i, "specialty_code": self.a_text(), "name": self.random.choice(names)} for i in specialty_ids]

    def fundings(self, post_ids: list[int]) -> list[Row]:
        rows: list[Row] = []
        for post_id in [*post_ids, *self.ids(2), None]:
            ended_lately = self.chance(0.5)
            for _ in range(self.random.choice((0, 1, 1, 2, 3))):
                start, end = self.two_dates()
                if ended_lately and self.chance(0.8):
                    start = None if self.chance(0.3) else start
                    end = self.run_date - timedelta(days=self.random.randrange(1, 5))
                rows.append({"post_id": post_id, "funding_type": self.a_text(), "start_date": start, "end_date": end})
        return self.numbered(rows)

    def placements(self, person_ids: list[int], post_ids: list[int]) -> list[Row]:
        rows: list[Row] = []
        for person_id in [*person_ids, *self.ids(3), None]:
            period = self.a_period()
            for _ in range(self.random.choice((0, 1, 1, 2, 2, 3, 4))):
                twin = rows[-1] if rows and rows[-1]["trainee_id"] == person_id and self.chance(0.4) else None
                rows.append(self.placement(person_id, post_ids, period, twin))
        return self.numbered(rows)

    def placement(
        self, person_id: int | None, post_ids: list[int], period: Callable[[], tuple[Any, Any]], twin: Row | None
    ) -> Row:
        """twin: a placement to copy in all fields that a document shows, or in all of them except one."""
        start, end = period()
        shown = {
            "grade_id": self.random.choice((279, 2**53 + 1, -3, None)),
            "grade_abbreviation": self.random.choice(("ST3", "F1", self.a_text())),
            "site_id": self.random.choice((14150, 2**60 + 1, 0, None)),
            "site_code": self.random.choice(("RTD01", self.a_text())),
            "placement_type": self.random.choice((*PLACEMENT_TYPES, self.a_text())),
        }
        if twin is not None:
            differing = self.random.choice((*shown, *[None] * 5))
            shown = {name: value if name == differing else twin[name] for name, value in shown.items()}
            if self.chance(0.5):
                start, end = twin["date_from"], twin["date_to"]
        post_id = self.reference(post_ids)
        return {"trainee_id": person_id, "post_id": post_id, "date_from": start, "date_to": end} | shown

    def placement_specialties(self, placements: list[Row], specialty_ids: list[int]) -> list[Row]:
        rows: list[Row] = []
        for placement in placements:
            for _ in range(self.random.choice((0, 1, 1, 2, 3))):
                repeated = rows and rows[-1]["placement_id"] == placement["id"] and self.chance(0.2)
                rows.append(
                    dict(rows[-1])
                    if repeated
                    else {
                        "placement_id": placement["id"],
                        "specialty_id": self.reference(specialty_ids),
                        "placement_specialty_type": self.random.choice(SPECIALTY_TYPES),
                    }
                )
        nobody = {"placement_id": None, "specialty_id": specialty_ids[0], "placement_specialty_type": "PRIMARY"}
        stray = {"placement_id": self.stray_id(), "specialty_id": None, "placement_specialty_type": "PRIMARY"}
        return self.shuffled([*rows, nobody, stray])

    def memberships(self, person_ids: list[int], programme_ids: list[int]) -> list[Row]:
        rows: list[Row] = []
        for person_id in [*person_ids, *self.ids(3), None]:
            period = self.a_period()
            for _ in range(self.random.choice((0, 0, 1, 1, 2, 3, 4))):
                start, end = period()
                rows.append(
                    {
                        "uuid": UUID(int=self.random.getrandbits(128)),
                        "person_id": person_id,
                        "programme_id": self.reference(programme_ids),
                        "programme_membership_type": self.random.choice(("SUBSTANTIVE", "LAT", None)),
                        "programme_start_date": start,
                        "programme_end_date": end,
                    }
                )
        return self.shuffled(rows)

    def curriculum_memberships(self, memberships: list[Row]) -> list[Row]:
        """Their dates are completely random, because no rule uses them."""
        keys = [membership["uuid"] for membership in memberships for _ in range(self.random.choice((0, 1, 1, 2, 3)))]
        keys += [UUID(int=self.random.getrandbits(128)), None]
        rows = []
        for key in keys:
            start, end = self.two_dates()
            rows.append(
                {
                    "programme_membership_uuid": key,
                    "curriculum_id": self.random.choice((1, 2, None)),
                    "curriculum_start_date": start,
                    "curriculum_end_date": end,
                }
            )
        return self.numbered(rows)

    # Values

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def shuffled(self, rows: Iterable[T]) -> list[T]:
        rows = list(rows)
        self.random.shuffle(rows)
        return rows

    def numbered(self, rows: list[Row]) -> list[Row]:
        """The rows with ids in random order."""
        return [{"id": i} | row for i, row in zip(self.ids(len(rows)), rows, strict=True)]

    def ids(self, count: int) -> list[int]:
        """Distinct ids in random order: mostly small and close together, some as awkward as a bigint can be."""
        awkward = [i for i in AWKWARD_IDS if self.chance(0.5)][:count]
        first = self.random.randrange(1, 60)
        small = [i for i in range(first, first + 2 * count + 10) if i not in awkward]
        return self.shuffled(awkward + self.random.sample(small, count - len(awkward)))

    def stray_id(self) -> int:
        """An id that no row has, for dangling references."""
        return self.random.randrange(10**6, 10**9)

    def reference(self, ids: list[int]) -> int | None:
        """Mostly an id that exists; sometimes None or a dangling reference."""
        choice = self.random.random()
        if choice < 0.06:
            return None
        return self.stray_id() if choice < 0.14 else self.random.choice(ids)

    def most_and_a_few_strays(self, ids: list[int], share: float) -> list[int]:
        strays = [self.stray_id() + n * 10**9 for n in range(3)]
        return self.shuffled([i for i in ids if self.chance(share)] + strays)

    def a_text(self) -> str | None:
        choice = self.random.random()
        if choice < 0.15:
            return None
        if choice < 0.25:
            return ""
        if choice < 0.8:
            return self.random.choice(AWKWARD_TEXTS)
        return "".join(self.random.choice(AWKWARD_TEXTS)[:20] for _ in range(3))

    def an_owner(self) -> str | None:
        return None if self.chance(0.35) else self.random.choice(OWNERS)

    def a_body_id(self) -> int | None:
        return None if self.chance(0.2) else self.random.choice((1, 2, 3, 0, -5, 2**53 + 1, 2**63 - 1))

    def a_run_date(self) -> date:
        if self.chance(0.8):
            return self.random.choice(RUN_DATES)
        return date(1990, 1, 1) + timedelta(days=self.random.randrange(60_000))

    def a_date(self) -> date | None:
        choice = self.random.random()
        if choice < 0.12:
            return None
        if choice < 0.17:
            return self.random.choice((date(1, 1, 1), date(1900, 1, 1), date(9999, 12, 31)))
        if choice < 0.75:
            return self.run_date + timedelta(days=self.random.randrange(-2, 3))
        return self.run_date + timedelta(days=self.random.choice((-4000, -366, -365, -30, -5, 5, 30, 365, 366, 4000)))

    def two_dates(self) -> tuple[date | None, date | None]:
        """Mostly in order, sometimes swapped."""
        start, end = self.a_date(), self.a_date()
        if start is not None and end is not None and start > end and self.chance(0.8):
            start, end = end, start
        return start, end

    def a_period(self) -> Callable[[], tuple[date | None, date | None]]:
        """A maker of the periods of one person: random ones, or only past, current or future ones, to reach every rule.

        It uses few different dates, so that candidates often have equal dates and the tie-break decides.
        """
        day = self.run_date
        past = [day - timedelta(days=n) for n in (1, 2, 400)]
        future = [day + timedelta(days=n) for n in (1, 2, 400)]
        periods: tuple[Callable[[], tuple[date | None, date | None]], ...] = (
            self.two_dates,
            lambda: (self.random.choice([*past, None]), self.random.choice(past)),
            lambda: (self.random.choice([*past, day]), self.random.choice([day, *future])),
            lambda: (day, day),
            lambda: (self.random.choice(future), self.random.choice([*future, None])),
        )
        return self.random.choice(periods)
