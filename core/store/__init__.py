"""Job records, events and webhook rows in Redis, changed by Lua scripts only."""

from core.store.endpoints import EndpointStore
from core.store.events import Event, EventLog
from core.store.heartbeat import KeeperHeartbeat
from core.store.interruptions import Interruptions
from core.store.jobs import Claim, JobStore, NewJob, Page, Reaped, Submitted, Verdict
from core.store.keys import IssuedKey, KeyStore
from core.store.outbox import Delivery, Outbox
from core.store.previews import Preview, Previews
from core.store.rates import Rates
from core.store.reattach import ReattachRegistry
from core.store.secrets import Secrets
from core.store.selected_models import SelectedModels
from core.store.usage import Usage, Used
from core.store.workers import WorkerInfo, WorkerRegistry

__all__ = [
    "Claim",
    "Delivery",
    "EndpointStore",
    "Event",
    "EventLog",
    "Interruptions",
    "IssuedKey",
    "JobStore",
    "KeeperHeartbeat",
    "KeyStore",
    "NewJob",
    "Outbox",
    "Page",
    "Preview",
    "Previews",
    "Rates",
    "Reaped",
    "ReattachRegistry",
    "Secrets",
    "SelectedModels",
    "Submitted",
    "Usage",
    "Used",
    "Verdict",
    "WorkerInfo",
    "WorkerRegistry",
]
