"""May this person be contacted now, and if not, when? A pure room: rules, calendars, and packs as data.

`load_pack` reads a jurisdiction's rules, `decide` judges one contact by them and by what the person said,
`contact_hours` tells a planner when the clock allows one, `check_lines` judges cases in bulk, and
`policy.calendar` holds all local calendar arithmetic. Every error is a `SendaError` with a code `policy.…`.
"""

from policy.calendar import holiday_name, is_closed, local_date, local_instant, start_of_day
from policy.case import case_of, parse_case, parse_query
from policy.check import check_lines, explain_lines
from policy.decision import HORIZON, ZONE_UNKNOWN, Decision, decide, open_until
from policy.errors import SendaError
from policy.explain import explain
from policy.holiday_calendar import HOLIDAYS_VERSION
from policy.hours import ContactHours, contact_hours
from policy.languages import Language
from policy.lint import Finding, lint
from policy.pack import Basis, Pack, load_pack, pack_keys, pack_text, parse_pack
from policy.person import (
    NOBODY_SPOKE,
    PERSON_ATTORNEY,
    PERSON_CEASE,
    PERSON_DO_NOT_CONTACT,
    PERSON_HOURS,
    OwnRequest,
    Person,
)
from policy.person_case import parse_person
from policy.plan import memory
from policy.query import LoggedContact, Query
from policy.rules import Duty, Hours, OwnHours, OwnRequestRule, Rule
from policy.vocabulary import CHANNELS, DIRECTIONS, PURPOSES, ROLES
from policy.zones import TZDATA_VERSION, known_zones

__all__ = [
    "CHANNELS",
    "DIRECTIONS",
    "HOLIDAYS_VERSION",
    "HORIZON",
    "NOBODY_SPOKE",
    "PERSON_ATTORNEY",
    "PERSON_CEASE",
    "PERSON_DO_NOT_CONTACT",
    "PERSON_HOURS",
    "PURPOSES",
    "ROLES",
    "TZDATA_VERSION",
    "ZONE_UNKNOWN",
    "Basis",
    "ContactHours",
    "Decision",
    "Duty",
    "Finding",
    "Hours",
    "Language",
    "LoggedContact",
    "OwnHours",
    "OwnRequest",
    "OwnRequestRule",
    "Pack",
    "Person",
    "Query",
    "Rule",
    "SendaError",
    "case_of",
    "check_lines",
    "contact_hours",
    "decide",
    "explain",
    "explain_lines",
    "holiday_name",
    "is_closed",
    "known_zones",
    "lint",
    "load_pack",
    "local_date",
    "local_instant",
    "memory",
    "open_until",
    "pack_keys",
    "pack_text",
    "parse_case",
    "parse_pack",
    "parse_person",
    "parse_query",
    "start_of_day",
]
