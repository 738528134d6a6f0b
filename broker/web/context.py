"""What the application holds: typed keys, one for each thing."""

from __future__ import annotations

from aiohttp import web

from broker.service.service import Service
from broker.web.body_memory import BodyMemory
from broker.web.caller import Callers
from broker.web.closing import Closing
from broker.web.limits import Limits

SERVICE = web.AppKey("service", Service)
CALLERS = web.AppKey("callers", Callers)
LIMITS = web.AppKey("limits", Limits)
CLOSING = web.AppKey("closing", Closing)
BODY_MEMORY = web.AppKey("body_memory", BodyMemory)
