"""Imports every module that declares routes of the API; whoever needs the whole table imports this."""

from functions import (
    activity,
    care,
    conflicts,
    declarations,
    exchange,
    failures,
    mapping,
    notifications,
    operate,
    page,
    planning,
    requests,
    runs,
    schedule,
    settings,
    statistics,
)

MODULES = (
    settings,
    declarations,
    mapping,
    schedule,
    planning,
    operate,
    runs,
    statistics,
    requests,
    failures,
    conflicts,
    exchange,
    notifications,
    activity,
    care,
    page,
)
