"""Words that several commands use for people."""


def moment(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss."""
    hours, minutes, rest = int(seconds) // 3600, int(seconds) // 60 % 60, int(seconds) % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def some(names: list[str]) -> str:
    """Renders the first few names and the number of the others."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
