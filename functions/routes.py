"""Imports every module that declares routes of the API; whoever needs the whole table imports this."""

from functions import (
    activity,
    care,
    conflicts,
    failures,
    mapping,
    operate,
    page,
    planning,
    requests,
    schedule,
    settings,
)

MODULES = (settings, mapping, schedule, planning, operate, requests, failures, conflicts, activity, care, page)
