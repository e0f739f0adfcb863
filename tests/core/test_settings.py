"""The settings: what is refused, what follows from what, and that `.env.example` tells the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from core.env_example import env_example, variable_of
from core.settings import REPOSITORY, Settings

KEY = "k" * 24


def read(monkeypatch: pytest.MonkeyPatch, folder: Path, **environment: str) -> Settings:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("EASEL_BACKEND")  # which the tests set for what they start
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.read()


def test_env_example_is_written_from_the_settings() -> None:
    """If this fails: python -m core.env_example > .env.example."""
    assert (REPOSITORY / ".env.example").read_text(encoding="utf-8") == env_example()


def test_env_example_uncommented_gives_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given
    lines = env_example().splitlines()
    settings = [line.removeprefix("#") for line in lines if line.startswith("#") and not line.startswith("# ")]
    (tmp_path / ".env").write_text("\n".join(settings), encoding="utf-8")

    # When
    given = read(monkeypatch, tmp_path)

    # Then
    assert len(settings) == len(Settings.model_fields)
    for field, info in Settings.model_fields.items():
        value = getattr(given, field)
        assert (REPOSITORY / value if field == "catalog" else value) == info.default, field


@pytest.mark.parametrize("field", list(Settings.model_fields))
def test_every_setting_is_described_and_has_a_variable(field: str) -> None:
    assert Settings.model_fields[field].description
    assert variable_of(field) == ("REDIS_URL" if field == "redis_url" else f"EASEL_{field.upper()}")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Given
    (tmp_path / ".env").write_text("EASEL_PORT=9000\nEASEL_SLOTS=2\n", encoding="utf-8")

    # When
    settings = read(
        monkeypatch,
        tmp_path,
        REDIS_URL="redis://r:6379",
        EASEL_PORT="9001",
        EASEL_API_KEYS=f" {KEY} ,{'l' * 30},",
        EASEL_WEBHOOK_ALLOW_CIDRS="10.0.0.0/8, fd00::/8",
        EASEL_RETENTION_HOURS="",
    )

    # Then the environment comes before the file, and empty means unset
    assert settings.redis_url == "redis://r:6379"
    assert settings.port == 9001
    assert settings.slots == 2
    assert [key.get_secret_value() for key in settings.api_keys] == [KEY, "l" * 30]
    assert settings.webhook_allow_cidrs == ("10.0.0.0/8", "fd00::/8")
    assert settings.retention_hours == 168


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("EASEL_API_KEYS", "short", "openssl rand"),
        ("EASEL_API_KEYS", f"{KEY},short", "openssl rand"),
        ("EASEL_WEBHOOK_ALLOW_CIDRS", "10.0.0.0/8,inside", "inside"),
        ("EASEL_WEBHOOK_ALLOW_CIDRS", "10.0.0.1/8", "host bits"),
        ("EASEL_WEBHOOK_SECRET", "hush", "whsec_"),
        ("EASEL_WEBHOOK_SECRET", "whsec_c2hvcnQ=", "24 to 64 bytes"),
        ("EASEL_WEBHOOK_SECRET", "whsec_%%%", "base64"),
        ("EASEL_RENEW_SECONDS", "8", "half of lease_seconds"),
        ("EASEL_PORT", "70000", "port"),
        ("EASEL_QUEUE", "two words", "queue"),
        ("EASEL_DTYPE", "int8", "dtype"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    name: str, value: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError) as raised:
        read(monkeypatch, tmp_path, **{name: value})
    assert words.lower() in str(raised.value).lower()


def test_a_webhook_secret_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    settings = read(monkeypatch, tmp_path, EASEL_WEBHOOK_SECRET=secret)
    assert settings.webhook_secret == SecretStr(secret)


def test_secrets_are_not_shown() -> None:
    settings = Settings(api_keys=(SecretStr(KEY),), webhook_secret=SecretStr("whsec_" + "A" * 32))
    assert KEY not in repr(settings)
    assert "AAAA" not in repr(settings)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "192.168.1.2", "easel.example", "127.0.0.1.example")],
)
def test_loopback_is_told_from_the_rest(host: str, loopback: bool) -> None:
    assert Settings(host=host).is_loopback is loopback


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Settings(), "http://127.0.0.1:8000"),
        (Settings(host="::1", port=80), "http://[::1]:80"),
        (Settings(public_url="https://easel.example/art/"), "https://easel.example/art"),
    ],
)
def test_the_base_url_has_no_slash_at_its_end(settings: Settings, url: str) -> None:
    assert settings.base_url == url


def test_results_are_in_the_data_folder_unless_set(tmp_path: Path) -> None:
    assert Settings(data_dir=tmp_path).results_location == (tmp_path / "results").as_uri()
    assert Settings(results_url="s3://bucket/x").results_location == "s3://bucket/x"
