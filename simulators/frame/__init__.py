"""The frame every simulated system stands in: http, time, faults, logs, control."""

from simulators.frame.clock import Agenda, Clock
from simulators.frame.host import Host
from simulators.frame.http import Headers, Request, Response, html_response, json_response, text_response
from simulators.frame.logs import CallLog, WriteLog
from simulators.frame.rules import Rule
from simulators.frame.server import RunningServer, serve, serve_all
from simulators.frame.switches import Switch, Switches, flag
from simulators.frame.system import ControlError, System, SystemBase
from simulators.frame.tls import Authority, make_authority

__all__ = [
    "Agenda",
    "Authority",
    "CallLog",
    "Clock",
    "ControlError",
    "Headers",
    "Host",
    "Request",
    "Response",
    "Rule",
    "RunningServer",
    "Switch",
    "Switches",
    "System",
    "SystemBase",
    "WriteLog",
    "flag",
    "html_response",
    "json_response",
    "make_authority",
    "serve",
    "serve_all",
    "text_response",
]
