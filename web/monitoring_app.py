"""The small application by which a worker process, which has no pages, answers the machines that watch it."""

from __future__ import annotations

from flask import Flask

from web import observing
from web.monitoring import Monitoring
from web.pages import operations
from web.settings import Settings


def create_monitoring_app(monitoring: Monitoring, settings: Settings) -> Flask:
    """Return an application with /healthz, /readyz and /metrics, and nothing else."""
    app = Flask("web", static_folder=None)
    app.extensions["hejie_settings"] = settings
    app.extensions["hejie_monitoring"] = monitoring
    observing.install(app, monitoring.figures)
    for view in (operations.healthz, operations.readyz, operations.metrics):
        app.add_url_rule(f"/{view.__name__}", f"operations.{view.__name__}", view)
    return app
