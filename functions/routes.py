"""Imports every module that declares routes of the API; whoever needs the whole table imports this."""

from functions import activity, care, conflicts, failures, operate, page, requests, settings

MODULES = (settings, operate, requests, failures, conflicts, activity, care, page)
