"""What can be preferred: name, words and one line of explanation of every setting, in the order of the page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One setting.

    Attributes
    ----------
    name
        Field of :class:`app.settings.Settings`, or what the page shows beside them.
    title, help
        Words, and one line that says what it does.
    group
        Heading under which it stands.
    """

    name: str
    title: str
    help: str
    group: str


OPTIONS = (
    Option("theme", "Colours", "Light, dark, or as the system is.", "Appearance"),
    Option("font_scale", "Text size", "Relative to the size that the system uses.", "Appearance"),
    Option("shortcuts", "Keyboard shortcuts", "Every action can have other keys.", "Appearance"),
    Option(
        "device",
        "Device",
        "Where networks are measured at the start; automatic takes a GPU if there is one.",
        "Computing",
    ),
    Option(
        "dtype",
        "Precision",
        "Number type of weights and features; float32 is what networks are trained in.",
        "Computing",
    ),
    Option("threads", "Threads", "CPU threads of the engine; automatic leaves one core for the window.", "Computing"),
    Option(
        "update_live",
        "Measure after every edit",
        "Half a second after an edit, what was measured before is measured again.",
        "Computing",
    ),
    Option(
        "engine", "Engine", "The process that computes; restarting it ends what it does and frees the GPU.", "Computing"
    ),
    Option("runs_folder", "Folder of runs", "Every result is written here as it comes, one folder per run.", "Results"),
    Option(
        "disk_use",
        "Disk use",
        "What the runs in this folder take; single runs are deleted in the list of runs.",
        "Results",
    ),
    Option(
        "autosave",
        "Keep what is open",
        "The session is saved after every change, so that it survives a crash.",
        "Sessions",
    ),
    Option("recent", "Recent networks and pictures", "What the start page and the chips offer.", "Sessions"),
    Option("file", "Settings file", "All of this as one JSON file.", "Sessions"),
    Option(
        "reset",
        "Reset",
        "All settings of this page and all keys as they were at first; recent things stay.",
        "Sessions",
    ),
)
