"""Times as the Kubernetes API writes them."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def timestamp(seconds: float | None = None) -> str:
    """metav1.Time, RFC 3339 in UTC with whole seconds; now where nothing is given (seconds since 1970)."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() if seconds is None else seconds))


def seconds_since_epoch(text: str) -> float:
    """The time of a metav1.Time or metav1.MicroTime, in seconds since 1970."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc).timestamp()


def human_duration(seconds: float) -> str:
    """How kubectl's AGE column says a duration (k8s.io/apimachinery/pkg/util/duration.HumanDuration)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, left = divmod(whole, 60)
    if minutes < 10:
        return f"{minutes}m{left}s" if left else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 8:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days, hours = divmod(hours, 24)
    if days < 8:
        return f"{days}d{hours}h" if hours else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y"


def age(created: str | None) -> str:
    """The AGE column of an object created at that metav1.Time."""
    return human_duration(time.time() - seconds_since_epoch(created)) if created else "<unknown>"
