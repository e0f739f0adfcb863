"""Job records, events and webhook rows in Redis, changed by Lua scripts only."""

from core.store.archives import Archive, ArchiveStore
from core.store.endpoints import EndpointStore
from core.store.events import Event, EventLog
from core.store.feed import Change, Feed
from core.store.groups import Group, GroupStore
from core.store.heartbeat import KeeperHeartbeat
from core.store.interruptions import Interruptions
from core.store.jobs import Claim, JobStore, Page, Reaped, Verdict
from core.store.keys import IssuedKey, KeyStore
from core.store.marks import Folder, MarkStore
from core.store.outbox import Delivery, Outbox
from core.store.previews import Preview, Previews
from core.store.rates import Rates
from core.store.reattach import ReattachRegistry
from core.store.search import Filter, JobSearch
from core.store.secrets import Secrets
from core.store.selected_models import SelectedModels
from core.store.shares import Share, ShareStore
from core.store.submission import NewGroup, NewJob, Submitted, SubmittedGroup
from core.store.usage import Held, Usage, Used
from core.store.workers import WorkerInfo, WorkerRegistry

__all__ = [
    "Archive",
    "ArchiveStore",
    "Change",
    "Claim",
    "Delivery",
    "EndpointStore",
    "Event",
    "EventLog",
    "Feed",
    "Filter",
    "Folder",
    "Group",
    "GroupStore",
    "Held",
    "Interruptions",
    "IssuedKey",
    "JobSearch",
    "JobStore",
    "KeeperHeartbeat",
    "KeyStore",
    "MarkStore",
    "NewGroup",
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
    "Share",
    "ShareStore",
    "Submitted",
    "SubmittedGroup",
    "Usage",
    "Used",
    "Verdict",
    "WorkerInfo",
    "WorkerRegistry",
]
