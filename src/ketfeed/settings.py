"""Settings from ``KETFEED_*`` environment variables; every limit has a name, a unit and a default."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ketfeed.errors import UsageError

MIB = 1024 * 1024
DAY = 86_400


class Settings(BaseSettings):
    """What an operator decides. Defaults first, environment over them, command-line options over both."""

    model_config = SettingsConfigDict(env_prefix="KETFEED_", frozen=True, extra="ignore")

    # where things are
    config: Path = Field(Path("config"), description="folder with feeds.yaml and topics.yaml")
    data: Path = Field(Path("data"), description="folder for the database and what is rendered")
    database_url: str | None = Field(None, description="SQLAlchemy address; empty: SQLite in the data folder")
    base_url: str | None = Field(None, description="public address of the site; wins over feeds.yaml")
    host: str = Field("127.0.0.1", description="address the web server listens on")
    port: int = Field(8080, ge=0, le=65535, description="port the web server listens on")
    log_format: Literal["console", "json"] = Field("console", description="console or json")
    admin_token: str | None = Field(None, min_length=16, description="secret of the editors' pages; empty: closed")

    editor: str | None = Field(None, description="who an edit is by; empty: the login name")

    # politeness and reach
    allow_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="comma-separated CIDRs that may be reached although the guard would refuse them"
    )
    proxy: str | None = Field(None, description="operator's outgoing HTTP proxy; environment proxies are ignored")
    concurrency: int = Field(50, ge=1, le=1000, description="polls at a time")
    host_connections: int = Field(1, ge=1, le=100, description="connections to one host at a time")
    host_interval: float = Field(1.0, ge=0, le=3600, description="seconds between two requests to one host")
    min_interval: int = Field(60, ge=1, description="shortest time between two polls of a source, seconds")
    max_interval: int = Field(7 * DAY, ge=60, description="longest time between two polls of a source, seconds")

    # one request
    deadline: float = Field(30.0, gt=0, description="seconds for one poll: DNS, redirects, headers and body")
    connect_timeout: float = Field(10.0, gt=0, description="seconds for one connection")
    max_wire: int = Field(10 * MIB, ge=1024, description="bytes of a body on the wire")
    max_decoded: int = Field(10 * MIB, ge=1024, description="bytes of a body after decompression")
    max_headers: int = Field(100 * 1024, ge=1024, description="bytes of a header block")
    max_redirects: int = Field(5, ge=0, le=20, description="redirects followed in one poll")

    # one document
    max_entries: int = Field(500, ge=1, description="entries kept of one poll, the newest")
    max_field: int = Field(256 * 1024, ge=1024, description="characters of one text field")
    parse_cpu: float = Field(10.0, gt=0, description="processor seconds for parsing one document")
    parse_wall: float = Field(15.0, gt=0, description="seconds for parsing one document")
    parse_memory: int = Field(512 * MIB, ge=64 * MIB, description="address space of a parser process, bytes")
    parse_processes: int = Field(1, ge=1, le=64, description="parser processes; one reads as fast as the store writes")

    # telling editors when a source changes its state of health
    webhook: str | None = Field(None, description="address that gets a JSON POST for each digest of changes")
    smtp: str | None = Field(None, description="mail server, smtp://user:password@host:587 or smtps://…")
    mail_from: str | None = Field(None, description="sender of the digest; empty: ketfeed@ the mail server")
    mail_to: str | None = Field(None, description="comma-separated addresses that get the digest")

    # remembering
    keep_polls: int = Field(30, ge=1, description="days a poll's record is kept")

    @field_validator("allow_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    @property
    def database(self) -> str:
        """SQLAlchemy address of the store."""
        return self.database_url or f"sqlite:///{self.data / 'ketfeed.db'}"


def load_settings(**overrides: object) -> Settings:
    """Read the environment; ``overrides`` are command-line options, None where one was not given.

    Raises UsageError naming every wrong variable.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks the values itself
    except ValidationError as error:
        lines = [
            f"KETFEED_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']} (got {item['input']!r})"
            for item in error.errors()
        ]
        raise UsageError("\n".join(lines)) from error
