"""Every setting of every process, read from the environment here and nowhere else, then passed down."""

from __future__ import annotations

import base64
import ipaddress
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

REPOSITORY: Final = Path(__file__).resolve().parent.parent

Switch = Literal["auto", "on", "off"]


class Settings(BaseSettings):
    """Frozen once built. Each field is one variable, `EASEL_` and the field's name in capitals, but for REDIS_URL."""

    model_config = SettingsConfigDict(
        env_prefix="EASEL_", env_ignore_empty=True, extra="ignore", frozen=True, populate_by_name=True
    )

    redis_url: str | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="Redis or Valkey to use. Unset: `easel up` starts an embedded Valkey in the data folder.",
    )
    redis_prefix: str = Field(
        default="easel",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        description="How the names of all keys in Redis begin, so that two Easels can share one.",
    )
    data_dir: Path = Field(
        default=Path("easel-data"), description="Where the embedded Valkey and the pictures are kept."
    )
    host: str = Field(default="127.0.0.1", description="Address the api listens on. Not loopback: API keys needed.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port the api listens on.")
    public_url: str | None = Field(
        default=None,
        description="How clients reach the api, for the URLs in webhooks. Unset: http://host:port.",
    )
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated API keys, 24 characters or more each, besides those of `easel keys`; "
        "without any, loopback only.",
    )
    catalog: Path = Field(
        default=REPOSITORY / "models" / "catalog.toml", description="The model catalogue: one row a model."
    )
    results_url: str | None = Field(
        default=None,
        description="Where pictures are stored: s3://bucket/prefix, gs://, az://, file:///. Unset: the data folder.",
    )
    retention_hours: float = Field(
        default=168, gt=0, description="Hours after its end until a job and its pictures are removed."
    )
    max_kept_per_key: int = Field(
        default=10_000,
        ge=1,
        description="Pictures that an API key may have among its favourites and folders, which never expire; then 429.",
    )
    public_gallery: bool = Field(
        default=False,
        description="Whether keys may put pictures that they share into a gallery that everybody can see, at /gallery.",
    )
    result_url_seconds: int = Field(
        default=3600,
        ge=60,
        le=86400,
        description="Seconds for which the URLs of pictures that we give open without a key.",
    )
    hangup_seconds: float = Field(
        default=20,
        ge=0,
        description="How long the job of a client that hung up waits for it to try again before it is canceled.",
    )
    max_queued: int = Field(
        default=1000, ge=1, description="Jobs waiting in a queue, of all keys; then 503 with Retry-After."
    )
    max_queued_per_key: int = Field(default=100, ge=1, description="Jobs waiting for one API key; then 429.")
    max_running_per_key: int = Field(default=1000, ge=1, description="Jobs running for one API key; more wait.")
    requests_per_minute_per_key: int = Field(
        default=60, ge=0, description="Requests for pictures a minute with one API key; then 429. 0: no limit."
    )
    images_per_day_per_key: int = Field(
        default=0, ge=0, description="Pictures a day, in UTC, for an API key without a quota of its own. 0: no limit."
    )
    worker_seconds_per_day_per_key: int = Field(
        default=0, ge=0, description="Seconds of workers a day for such a key; then 429 until 0:00 UTC. 0: no limit."
    )
    queue: str = Field(default="default", pattern=r"^[a-z0-9_-]{1,32}$", description="The queue a worker serves.")
    workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Workers of `easel up`. 0: one, but two where torch draws with small models on a CPU.",
    )
    slots: int = Field(default=12, ge=1, le=64, description="Jobs a worker process holds at once.")
    device: str = Field(default="auto", description="Torch device of the worker: auto, cpu, cuda, cuda:1, mps.")
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = Field(
        default="auto",
        description="Precision: auto is float16 on CUDA, bfloat16 or float32 where a device needs it.",
    )
    backend: Literal["auto", "eager", "openvino"] = Field(
        default="auto",
        description="What computes on a CPU: eager is torch, openvino compiled graphs; auto is those where they run.",
    )
    attention_slicing: Switch = Field(default="auto", description="Slower, less memory: auto, on, off.")
    vae_slicing: Switch = Field(default="auto", description="Decode pictures one by one: auto, on, off.")
    vae_tiling: Switch = Field(default="auto", description="Decode large pictures in tiles: auto, on, off.")
    max_resident_models: int = Field(default=1, ge=1, description="Models a worker keeps loaded at once.")
    allow_downloads: bool = Field(default=False, description="Let the worker fetch hub models it does not have.")
    torch_threads: int = Field(default=0, ge=0, description="CPU threads of the worker; 0 leaves it to torch.")
    lease_seconds: float = Field(default=15, gt=0, description="A worker silent for this long loses its jobs.")
    renew_seconds: float = Field(default=5, gt=0, description="How often a worker renews its leases.")
    max_attempts: int = Field(default=3, ge=1, description="Starts a job gets before it fails as worker_crashed.")
    grace_seconds: float = Field(default=30, ge=0, description="Seconds a stopping worker lets running jobs finish.")
    hang_seconds: float = Field(
        default=600, gt=0, description="A worker whose engine is silent for this long while it draws ends itself."
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="Standard Webhooks secret (whsec_…). Unset: one is made and kept in Redis."
    )
    webhook_timeout_seconds: float = Field(default=15, gt=0, description="Wall-clock limit of one webhook delivery.")
    webhook_allow_cidrs: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated private networks that webhooks may reach; link-local never.",
    )
    fetch_allow_cidrs: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated private networks from which the URLs of inputs are fetched; link-local never.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", description="Address on which worker and keeper answer Prometheus; they take no key."
    )
    worker_metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port of the worker's /metrics; each of several on a host needs its own.",
    )
    keeper_metrics_port: int = Field(default=0, ge=0, le=65535, description="Port of the keeper's /metrics. 0: none.")
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="OpenTelemetry collector for spans (OTLP over HTTP), such as http://127.0.0.1:4318. "
        "Needs easel[otel].",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Log level.")
    log_format: Literal["text", "json"] = Field(default="text", description="Log lines for people or for machines.")

    @field_validator("api_keys", "webhook_allow_cidrs", "fetch_allow_cidrs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_has_a_scheme(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return url

    @field_validator("api_keys")
    @classmethod
    def _keys_are_long(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 24 for key in keys):
            raise ValueError("an API key has fewer than 24 characters; make one with: openssl rand -hex 24")
        return keys

    @field_validator("webhook_allow_cidrs", "fetch_allow_cidrs")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ipaddress.ip_network(network)
        return networks

    @field_validator("webhook_secret")
    @classmethod
    def _secret_is_standard(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        prefix, _, encoded = secret.get_secret_value().partition("_")
        try:
            size = len(base64.b64decode(encoded, validate=True))
        except ValueError:
            size = 0
        if prefix != "whsec" or not 24 <= size <= 64:
            raise ValueError(
                "must be whsec_ and 24 to 64 bytes in base64; make one with: echo whsec_$(openssl rand -base64 32)"
            )
        return secret

    @model_validator(mode="after")
    def _renewed_in_time(self) -> Self:
        if self.renew_seconds * 2 > self.lease_seconds:
            raise ValueError("renew_seconds must be at most half of lease_seconds, or a live worker loses its jobs")
        return self

    @classmethod
    def read(cls, **overrides: object) -> Settings:
        """The settings of this process: `overrides` before the environment, before a `.env` file here."""
        return cls(_env_file=".env", **overrides)  # type: ignore[arg-type] # pydantic-settings' own argument

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the api."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def base_url(self) -> str:
        """The api's address without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def results_location(self) -> str:
        """The result store's URL; the data folder's `results` unless set."""
        return self.results_url or (self.data_dir.resolve() / "results").as_uri()
