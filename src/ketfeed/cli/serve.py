"""``ketfeed serve``, and its two halves alone: ``ketfeed poller``, ``ketfeed web``; each loads what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ketfeed.cli.common import settings_from
from ketfeed.run.logs import configure_logs
from ketfeed.settings import Settings

Host = Annotated[str | None, typer.Option(help="Address to listen on. [127.0.0.1]")]
Port = Annotated[int | None, typer.Option(help="Port to listen on, 0: any free one. [8080]")]
BaseUrl = Annotated[str | None, typer.Option(help="Public address of the site; wins over feeds.yaml.")]


def serve(ctx: typer.Context, host: Host = None, port: Port = None, base_url: BaseUrl = None) -> None:
    """Start the service: poll what is due, serve feeds and pages, until Ctrl-C or SIGTERM.

    Two processes: a poller, which gives way, and a web process. Files in the configuration folder are taken up within
    two seconds after they change; a broken file keeps the last good configuration in force and is named in the log.
    """
    from ketfeed.run import supervise

    settings = settings_from(ctx, host=host, port=port, base_url=base_url)
    configure_logs(settings.log_format)
    raise typer.Exit(supervise.serve(settings, _environment(settings)))


def poller(ctx: typer.Context) -> None:
    """Start the polling half of the service alone."""
    from ketfeed.run import service

    settings = settings_from(ctx)
    configure_logs(settings.log_format)
    service.poller(settings)


def web(ctx: typer.Context, host: Host = None, port: Port = None, base_url: BaseUrl = None) -> None:
    """Start the serving half of the service alone."""
    from ketfeed.run import front
    from ketfeed.web.app import create_app

    settings = settings_from(ctx, host=host, port=port, base_url=base_url)
    configure_logs(settings.log_format)
    front.web(settings, create_app)


def _environment(settings: Settings) -> dict[str, str]:
    """The settings as the environment of the two processes: options given to ``serve`` are theirs, too."""
    carried = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, tuple):
            value = ",".join(str(part) for part in value)
        elif isinstance(value, Path):
            value = value.resolve()
        carried[f"KETFEED_{name.upper()}"] = str(value)
    return carried
