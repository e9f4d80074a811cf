"""The only reader of the environment.

Every setting is a `CARTWHEEL_…` variable with a working default. A secret may instead be named by
`CARTWHEEL_…_FILE`, the path of a file that holds it (Docker and systemd secrets).
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from automation.errors import SetupError

_SECRETS = ("SECRET_KEY", "DATABASE_URL", "BROKER_URL", "METRICS_TOKEN")


class Settings(BaseSettings):
    """How this installation runs."""

    model_config = SettingsConfigDict(env_prefix="CARTWHEEL_", extra="ignore", frozen=True)

    data: Path = Field(Path("data"), description="Folder of the embedded installation: database, keys, journal.")
    port: int = Field(8765, ge=0, le=65535, description="Port of the web process.")
    host: str = Field("127.0.0.1", description="Address the web process listens on.")
    database_url: SecretStr | None = Field(
        None, description="postgresql+psycopg://… or sqlite:///…; without it, SQLite in the data folder."
    )
    broker_url: SecretStr | None = Field(None, description="amqp:// or redis:// of the distributed shape.")
    base_url: str | None = Field(None, description="Public address of the web process; links in mails begin with it.")
    secret_key: SecretStr | None = Field(
        None, description="Key of all signatures and encryption; without it, one is made in the data folder."
    )
    demo: bool = Field(False, description="The demo shop: turnable clock and storefront simulator.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    metrics_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="What Prometheus must bring to read /metrics; without it there is no such page.",
    )
    log_json: bool = Field(False, description="One JSON object per log line.")

    batch_size: int = Field(500, ge=1, le=1000, description="Messages claimed at a time by one sender.")
    senders: int = Field(2, ge=1, le=64, description="Sender threads of one worker.")
    render_children: int = Field(1, ge=1, le=64, description="Rendering processes of one worker.")
    lease_seconds: float = Field(120, gt=0, description="How long a claim holds without a sign of life.")
    settle_seconds: float = Field(
        300, ge=0, description="How long to wait before asking a provider about a message whose fate is unknown."
    )
    tick_seconds: float = Field(1, gt=0, le=60, description="How often the worker looks for due work.")
    trusted_proxy: str | None = Field(
        None,
        description="Address of the web server in front of us, or *; only its X-Forwarded-For and -Proto count.",
    )
    trusted_proxy_count: int = Field(1, ge=1, le=9, description="How many web servers stand in front of us in a row.")
    private_network: bool = Field(
        False, description="Let connections reach addresses of private networks: a shop in the same building."
    )
    web_threads: int = Field(16, ge=1, le=64, description="Threads of the web process.")

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in _SECRETS:
            path = os.environ.get(f"CARTWHEEL_{name}_FILE")
            if path and name.lower() not in values:
                values[name.lower()] = Path(path).read_text().strip()
        return values

    @property
    def database(self) -> str:
        """The database's address, with the default filled in."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data / 'cartwheel.sqlite').absolute()}"

    @property
    def is_embedded(self) -> bool:
        """True for the one-machine shape on SQLite."""
        return self.database.startswith("sqlite")

    @property
    def public_url(self) -> str:
        """Where mails' links point, without a slash at its end."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)

    @property
    def settle(self) -> timedelta:
        return timedelta(seconds=self.settle_seconds)


def child_environment(**more: str) -> dict[str, str]:
    """This process's environment for a child of ours, with `more` added."""
    return {**os.environ, **more}


def load(**given: Any) -> Settings:
    """Read the settings from the environment; `given` ones win.

    Raises SetupError naming each variable that cannot be used.
    """
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [f"CARTWHEEL_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SetupError("These settings cannot be used:\n  " + "\n  ".join(lines)) from error
    except OSError as error:
        raise SetupError(f"A secret's file cannot be read: {error}") from error
