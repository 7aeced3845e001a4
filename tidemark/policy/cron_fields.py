"""The fields of a cron expression. Source: EventBridge Scheduler User Guide, "Schedule types"."""

from __future__ import annotations

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
FIELDS = ("minutes", "hours", "day-of-month", "month", "day-of-week", "year")
BOUNDS = {
    "minutes": (0, 59),
    "hours": (0, 23),
    "day-of-month": (1, 31),
    "month": (1, 12),
    "day-of-week": (1, 7),  # 1 is Sunday
    "year": (1970, 2199),
}
WORDS = {"month": MONTHS, "day-of-week": WEEKDAYS}
