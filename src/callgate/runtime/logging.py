"""Log lines on standard error: an event's name and fields, for people or for machines."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import structlog


def configure_logging(format: str) -> Callable[..., None]:
    """Set logging up for this process.

    Args:
        format: ``console`` or ``json``.

    Returns:
        What logs: called with an event's name and fields; fields that are ``None`` are left out.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[_without_nothing, structlog.processors.TimeStamper(fmt="iso", utc=True), renderer],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard module; only what needs an operator gets through.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    logger = structlog.get_logger()

    def log(event: str, **fields: Any) -> None:
        logger.msg(event, **fields)

    return log


def _without_nothing(logger: Any, method: str, event: Any) -> Any:
    return {name: value for name, value in event.items() if value is not None}
