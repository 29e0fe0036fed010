"""May this person be contacted now, and if not, when? A pure room: rules, calendars, and packs as data.

`load_pack` reads a jurisdiction's rules, `decide` judges one contact by them, `contact_hours` tells a planner
when the clock allows one, `check_lines` judges cases in bulk, and `policy.calendar` holds all local calendar
arithmetic. Every error is a `SendaError` with a code `policy.…`.
"""

from policy.calendar import holiday_name, is_closed, local_date, local_instant, start_of_day
from policy.case import parse_case
from policy.check import check_lines
from policy.decision import HORIZON, ZONE_UNKNOWN, Basis, Decision, decide
from policy.errors import SendaError
from policy.holiday_calendar import HOLIDAYS_VERSION
from policy.hours import ContactHours, contact_hours
from policy.pack import Pack, load_pack, pack_keys, parse_pack
from policy.query import LoggedContact, Query
from policy.vocabulary import CHANNELS, DIRECTIONS, PURPOSES, ROLES
from policy.zones import TZDATA_VERSION, known_zones

__all__ = [
    "CHANNELS",
    "DIRECTIONS",
    "HOLIDAYS_VERSION",
    "HORIZON",
    "PURPOSES",
    "ROLES",
    "TZDATA_VERSION",
    "ZONE_UNKNOWN",
    "Basis",
    "ContactHours",
    "Decision",
    "LoggedContact",
    "Pack",
    "Query",
    "SendaError",
    "check_lines",
    "contact_hours",
    "decide",
    "holiday_name",
    "is_closed",
    "known_zones",
    "load_pack",
    "local_date",
    "local_instant",
    "pack_keys",
    "parse_case",
    "parse_pack",
    "start_of_day",
]
