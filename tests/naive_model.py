"""A naive model of the jobs: the rules of docs/domain.md in plain Python, without SQL.

The tests compare every job with this model over random awkward data. It is written only from docs/domain.md, and it is
slow on purpose: each rule is written for one person or one post, so that it can be checked by reading.

A database is a dict from the name of a table to its rows; a row is a dict from the name of a column to its value.
A missing value is None (NULL); an empty string is a value like any other.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

Row = dict[str, Any]
Tables = dict[str, list[Row]]
Document = dict[str, Any]

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Candidate:
    """A membership whose programme exists, or a placement whose post exists, as the owner rules see it."""

    key: UUID | int
    start: date | None
    end: date | None
    owner: str | None


# Dates: both ends are inclusive, and a missing date matches no rule that uses it.


def is_current(start: date | None, end: date | None, run_date: date) -> bool:
    return start is not None and end is not None and start <= run_date <= end


def is_future(start: date | None, run_date: date) -> bool:
    return start is not None and run_date < start


def is_past(end: date | None, run_date: date) -> bool:
    return end is not None and end < run_date


def covered_dates(run_date: date, first_date: date | None) -> list[date]:
    """Every date from first_date to run_date; only run_date if there is no first_date."""
    first = first_date or run_date
    return [first + timedelta(days=n) for n in range((run_date - first).days + 1)]


# Job 1


def person_owners(tables: Tables, run_date: date) -> dict[int, tuple[str | None, str | None]]:
    """What person_owner must hold: id -> (owner, rule), one entry for every person."""
    return {person["id"]: owner_and_rule(tables, person["id"], run_date) for person in tables["person"]}


def owner_and_rule(tables: Tables, person_id: int, run_date: date) -> tuple[str | None, str | None]:
    memberships = membership_candidates(tables, person_id)
    placements = placement_candidates(tables, person_id)
    rules = (
        ("P1", first_by_start(c for c in memberships if is_current(c.start, c.end, run_date))),
        ("P2", first_by_start(c for c in placements if is_current(c.start, c.end, run_date))),
        ("P5", first_by_start(c for c in memberships if is_future(c.start, run_date))),
        ("P6", first_by_start(c for c in placements if is_future(c.start, run_date))),
        ("P7", last_by_end(c for c in memberships if is_past(c.end, run_date))),
        ("P8", last_by_end(c for c in placements if is_past(c.end, run_date))),
    )
    for rule, candidate in rules:
        if candidate is not None and candidate.owner is not None:
            return candidate.owner, rule
    return None, None


def membership_candidates(tables: Tables, person_id: int) -> list[Candidate]:
    programmes = by_id(tables["programme"])
    return [
        Candidate(
            key=membership["uuid"],
            start=membership["programme_start_date"],
            end=membership["programme_end_date"],
            owner=programmes[membership["programme_id"]]["owner"],
        )
        for membership in tables["programme_membership"]
        if membership["person_id"] == person_id and membership["programme_id"] in programmes
    ]


def placement_candidates(tables: Tables, person_id: int) -> list[Candidate]:
    posts = by_id(tables["post"])
    return [
        Candidate(
            key=placement["id"],
            start=placement["date_from"],
            end=placement["date_to"],
            owner=posts[placement["post_id"]]["owner"],
        )
        for placement in tables["placement"]
        if placement["trainee_id"] == person_id and placement["post_id"] in posts
    ]


def first_by_start(candidates: Iterable[Candidate]) -> Candidate | None:
    """The candidate that starts first; of those with equal starts, the one with the lowest key."""
    return min(candidates, key=lambda c: (c.start, c.key), default=None)


def last_by_end(candidates: Iterable[Candidate]) -> Candidate | None:
    """The candidate that ended last; of those with equal ends, the one with the lowest key."""
    in_key_order = sorted(candidates, key=lambda c: c.key)
    return max(in_key_order, key=lambda c: c.end or date.min, default=None)  # max gives the first of equals


# Jobs 2 to 5


def person_trusts(tables: Tables, body: str) -> set[tuple[int, int]]:
    """The pairs (person, trust) of that body, EMPLOYING or TRAINING, from all placements regardless of their dates."""
    persons = by_id(tables["person"])
    posts = by_id(tables["post"])
    pairs = set()
    for placement in tables["placement"]:
        if placement["trainee_id"] in persons and placement["post_id"] in posts:
            trust_id = posts[placement["post_id"]][body_column(body)]
            if trust_id is not None:
                pairs.add((placement["trainee_id"], trust_id))
    return pairs


def post_trusts(tables: Tables, body: str) -> set[tuple[int, int]]:
    """The pairs (post, trust) of that body."""
    column = body_column(body)
    return {(post["id"], post[column]) for post in tables["post"] if post[column] is not None}


def body_column(body: str) -> str:
    return {"EMPLOYING": "employing_body_id", "TRAINING": "training_body_id"}[body]


# Job 6


def person_documents(tables: Tables, run_date: date) -> dict[int, list[Document]]:
    """What the index must hold: person id -> its documents, without duplicates, in a fixed order."""
    documents = {}
    contact_details = by_id(tables["contact_details"])
    for person in tables["person"]:
        if person["id"] in contact_details:
            documents[person["id"]] = distinct(documents_of(tables, person, contact_details[person["id"]], run_date))
    return documents


def documents_of(tables: Tables, person: Row, contact: Row, run_date: date) -> list[Document]:
    """One document for each current placement and each of its PRIMARY specialties; may contain duplicates."""
    person_id = person["id"]
    owner = by_id(tables["person_owner"]).get(person_id, {})
    about_the_person = {
        "personId": person_id,
        "intrepidId": person["intrepid_id"],
        "role": person["role"],
        "status": person["status"],
        "publicHealthNumber": person["public_health_number"],
        "surname": contact["surname"],
        "forenames": contact["forenames"],
        "fullName": full_name(contact["forenames"], contact["surname"]),
        "gmcNumber": by_id(tables["gmc_details"]).get(person_id, {}).get("gmc_number"),
        "gdcNumber": by_id(tables["gdc_details"]).get(person_id, {}).get("gdc_number"),
        "currentOwner": owner.get("owner"),
        "currentOwnerRule": owner.get("rule"),
        "trusts": trusts_of(tables, person_id),
        "programmeMemberships": programme_memberships_of(tables, person_id, run_date),
    }
    return [
        about_the_person
        | {
            "gradeId": placement.get("grade_id"),
            "gradeAbbreviation": placement.get("grade_abbreviation"),
            "siteId": placement.get("site_id"),
            "siteCode": placement.get("site_code"),
            "placementType": placement.get("placement_type"),
            "specialty": specialty,
        }
        for placement in current_placements(tables, person_id, run_date) or [{}]
        for specialty in primary_specialties(tables, placement.get("id")) or [None]
    ]


def full_name(forenames: str | None, surname: str | None) -> str | None:
    """Forenames, a space, surname. A missing part is left out, with the space; None if both are missing."""
    parts = [part for part in (forenames, surname) if part is not None]
    return " ".join(parts) if parts else None


def current_placements(tables: Tables, person_id: int, run_date: date) -> list[Row]:
    """Includes placements whose post does not exist: a document has no field from the post."""
    return [
        placement
        for placement in tables["placement"]
        if placement["trainee_id"] == person_id and is_current(placement["date_from"], placement["date_to"], run_date)
    ]


def primary_specialties(tables: Tables, placement_id: int | None) -> list[str | None]:
    """The names of the PRIMARY specialties; None for a specialty that does not exist."""
    specialties = by_id(tables["specialty"])
    return [
        specialties.get(link["specialty_id"], {}).get("name")
        for link in tables["placement_specialty"]
        if placement_id is not None
        and link["placement_id"] == placement_id
        and link["placement_specialty_type"] == "PRIMARY"
    ]


def trusts_of(tables: Tables, person_id: int) -> list[Document]:
    trust_ids = {row["trust_id"] for row in tables["person_trust"] if row["person_id"] == person_id}
    return [{"personId": person_id, "trustId": trust_id} for trust_id in sorted(trust_ids)]


def programme_memberships_of(tables: Tables, person_id: int, run_date: date) -> list[Document]:
    """One entry for each curriculum membership, regardless of its dates, ordered by its id."""
    programmes = by_id(tables["programme"])
    memberships = {
        membership["uuid"]: membership
        for membership in tables["programme_membership"]
        if membership["person_id"] == person_id
    }
    entries = []
    for curriculum in tables["curriculum_membership"]:
        membership = memberships.get(curriculum["programme_membership_uuid"])
        if membership is not None:
            programme = programmes.get(membership["programme_id"], {})
            entries.append(
                {
                    "id": curriculum["id"],
                    "personId": person_id,
                    "programmeId": membership["programme_id"],
                    "programmeName": programme.get("programme_name"),
                    "programmeNumber": programme.get("programme_number"),
                    "programmeMembershipStatus": programme_membership_status(
                        membership["programme_start_date"], membership["programme_end_date"], run_date
                    ),
                }
            )
    return sorted(entries, key=itemgetter("id"))


def programme_membership_status(start: date | None, end: date | None, run_date: date) -> str:
    if start is None or end is None:
        return "PAST"
    if start > run_date:
        return "FUTURE"
    if end < run_date:
        return "PAST"
    return "CURRENT"


# Job 7


def posts_to_make_inactive(tables: Tables, run_date: date, first_date: date | None = None) -> set[int]:
    """The posts whose last funding ended on the day before one of the dates covered."""
    return {
        post["id"]
        for post in tables["post"]
        if any(funding_ended(tables, post["id"], day) for day in covered_dates(run_date, first_date))
    }


def funding_ended(tables: Tables, post_id: int, day: date) -> bool:
    yesterday = day - ONE_DAY
    fundings = [funding for funding in tables["post_funding"] if funding["post_id"] == post_id]
    one_ended_yesterday = any(f["start_date"] is not None and f["end_date"] == yesterday for f in fundings)
    all_have_ended = all(f["end_date"] is not None and f["end_date"] <= yesterday for f in fundings)
    return one_ended_yesterday and all_have_ended


# Job 8


def person_statuses(
    tables: Tables,
    run_date: date,
    first_date: date | None = None,
    date_override: str = "",
    date_of_change_override: str = "",
) -> dict[int, str]:
    """The candidates and the status that each must have, regardless of its existing status."""
    is_candidate = candidate_rule(run_date, first_date, date_override, date_of_change_override)
    persons = by_id(tables["person"])
    candidates = {m["person_id"] for m in tables["programme_membership"] if is_candidate(m)} & set(persons)
    return {person_id: status_of(tables, person_id, run_date) for person_id in candidates}


def candidate_rule(
    run_date: date, first_date: date | None, date_override: str, date_of_change_override: str
) -> Callable[[Row], bool]:
    """Which memberships make their person a candidate, depending on dateOverride."""
    argument = date_override.strip().upper()
    if argument == "ANY":
        return lambda membership: True  # noqa: ARG005 - every membership
    if argument == "":
        days = covered_dates(run_date, first_date)
    elif argument == "NONE":
        days = [date.fromisoformat(date_of_change_override) if date_of_change_override else run_date]
    else:
        days = [date.fromisoformat(argument)]
    return lambda membership: any(changes_on(membership, day) for day in days)


def changes_on(membership: Row, day: date) -> bool:
    start, end = membership["programme_start_date"], membership["programme_end_date"]
    return bool(end == day - ONE_DAY or start == day)


def status_of(tables: Tables, person_id: int, run_date: date) -> str:
    """From all memberships of the person, including those whose programme does not exist."""
    has_current = any(
        is_current(membership["programme_start_date"], membership["programme_end_date"], run_date)
        for membership in tables["programme_membership"]
        if membership["person_id"] == person_id
    )
    return "CURRENT" if has_current else "INACTIVE"


# Helpers


def by_id(rows: Iterable[Row]) -> dict[int, Row]:
    return {row["id"]: row for row in rows}


def canonical(document: Document) -> str:
    """A text that is equal for equal documents, to compare, sort and count them."""
    return json.dumps(document, sort_keys=True, ensure_ascii=False)


def distinct(documents: Iterable[Document]) -> list[Document]:
    """The documents without duplicates, ordered by their canonical text."""
    found = {canonical(document): document for document in documents}
    return [found[text] for text in sorted(found)]
