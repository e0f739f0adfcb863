"""The compose file, read as text: what production must be is not left to whoever edits it next."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from core.env_example import variable_of
from core.settings import REPOSITORY, Settings

TEXT = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name in SERVICES if name != "redis"]
WORKERS = ["worker", "worker-gpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_runs_as_root_or_can_become_it(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert not {"network_mode", "pid", "ipc"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_every_root_is_read_only_with_a_place_for_temporary_files(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert "/tmp" in SERVICES[name]["tmpfs"]


@pytest.mark.parametrize("name", SERVICES)
def test_everything_is_restarted_and_asked_for_its_health(name: str) -> None:
    assert SERVICES[name]["restart"] in {"always", "unless-stopped"}
    assert SERVICES[name]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


@pytest.mark.parametrize("name", OURS)
def test_ours_run_as_the_images_user_after_redis_and_see_models_read_only(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["depends_on"]["redis"]["condition"] == "service_healthy"
    assert "./models:/models:ro" in service["volumes"]
    assert "results:/data/results" in service["volumes"]
    assert service["build"]["context"] == "."
    assert (REPOSITORY / service["build"]["dockerfile"]).is_file()


@pytest.mark.parametrize("name", [name for name in OURS if name.startswith("worker")])
def test_workers_keep_what_was_fetched_and_compiled(name: str) -> None:
    assert {"hub:/hub", "graphs:/data/graphs"} <= {*SERVICES[name]["volumes"]}


def test_redis_loses_nothing_and_evicts_nothing() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "always"
    assert options["--maxmemory-policy"] == "noeviction"
    assert "redis:/data" in SERVICES["redis"]["volumes"]


def test_only_the_api_is_published_and_on_loopback_unless_told() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["${PUBLISH:-127.0.0.1:8000}:8000"]}


def test_redis_and_workers_reach_nothing_outside() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("redis", *WORKERS):
        assert SERVICES[name]["networks"] == ["inside"]


def test_workers_are_chosen_by_profile() -> None:
    assert {name: service.get("profiles") for name, service in SERVICES.items()} == {
        "redis": None,
        "api": None,
        "keeper": None,
        "worker": ["cpu"],
        "worker-gpu": ["gpu"],
    }
    devices = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    assert "deploy" not in SERVICES["worker"]


@pytest.mark.parametrize("name", WORKERS)
def test_workers_come_back_always_and_may_finish_first(name: str) -> None:
    """They also end with code 0 on some troubles, so `on-failure` would leave them down."""
    assert SERVICES[name]["restart"] == "always"
    grace = Settings.model_fields["grace_seconds"].default
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > grace


def test_a_key_is_needed_and_its_lack_explained() -> None:
    (message,) = re.findall(r"\$\{EASEL_API_KEYS:\?([^}]*)\}", TEXT)
    assert "openssl rand -hex 24" in message
    for name in OURS:
        assert "EASEL_API_KEYS" in SERVICES[name]["environment"]


def test_every_variable_is_a_setting() -> None:
    known = {variable_of(field) for field in Settings.model_fields}
    written = set(re.findall(r"\bEASEL_[A-Z0-9_]+\b", TEXT))
    assert written <= known
    for name in OURS:
        assert set(SERVICES[name]["environment"]) <= known


@pytest.mark.parametrize("name", OURS)
def test_the_values_are_settings_that_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given the environment of the container
    for variable, value in SERVICES[name]["environment"].items():
        filled = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        monkeypatch.setenv(variable, re.sub(r"\$\{\w+:\?[^}]*\}", "k" * 24, filled))

    # When
    settings = Settings()

    # Then
    assert settings.redis_url == "redis://redis:6379/0"
    assert not settings.is_loopback
    assert settings.api_keys
    assert settings.results_location == "file:///data/results"
    assert str(settings.catalog) == "/models/catalog.toml"


@pytest.mark.parametrize("name", OURS)
def test_the_users_own_settings_reach_every_part(name: str) -> None:
    assert SERVICES[name]["env_file"] == [{"path": ".env", "required": False}]


def test_every_volume_and_network_is_declared() -> None:
    named = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert {name for name in named if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert {name for service in SERVICES.values() for name in service["networks"]} == set(COMPOSE["networks"])
