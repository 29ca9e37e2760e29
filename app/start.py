"""Where the window starts. Imports nothing at module level: the engine's process imports its main script again."""


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, look whether the window can open here, and open it; return the exit status."""
    import argparse
    import sys

    from analysis import __version__

    parser = argparse.ArgumentParser(prog="layerscope", description="Look inside trained convolutional networks.")
    what = "weights, a network, pictures, a run folder or a workspace; or demo:NAME"
    parser.add_argument("files", metavar="FILE", nargs="*", help=what)
    parser.add_argument("--demo", action="store_true", help="open the demo")
    parser.add_argument("--inline", action="store_true", help="compute in this process, for debugging a method")
    parser.add_argument("--version", action="version", version=f"LayerScope {__version__}")
    options = parser.parse_args(arguments)
    complaint = check_qt() or check_screen()
    if complaint:
        print(f"LayerScope: {complaint}", file=sys.stderr)
        return demo_without_window() if options.demo else 1
    from app.application import run

    return run(options)


def demo_without_window() -> int:
    """Measure the demo in a process of its own and write a page about it; return the exit status."""
    import subprocess
    import sys

    print("Running the demo without a window.", flush=True)
    return subprocess.call([sys.executable, "-m", "analysis", "demo"])


def check_qt() -> str:
    """Return "" or one sentence that says why Qt cannot be used here, and what to do."""
    import sys

    try:
        import PySide6
    except ImportError:
        return "PySide6 is not installed. Install it with: pip install 'PySide6-Essentials>=6.10.2,<6.12'"
    complaint = bad_version(PySide6.__version__, sys.version_info[:2])
    if complaint:
        return complaint
    try:
        import PySide6.QtSvg
        import PySide6.QtWidgets
    except ImportError as error:
        return missing_library(str(error))
    return ""


def bad_version(version: str, python: tuple[int, ...]) -> str:
    """Return "" for a version of PySide6 that works, else one sentence that says why not and what to install.

    Examples
    --------
    >>> bad_version("6.11.3", (3, 11))
    ''
    """
    numbers = []
    for part in version.split(".")[:3]:
        digits = "".join(letter for letter in part if letter.isdigit())
        numbers.append(int(digits or 0))
    number = tuple(numbers)
    advice = "Install another one with: pip install 'PySide6-Essentials>=6.10.2,<6.12,!=6.11.0,!=6.11.1'"
    if number < (6, 10, 2):
        return f"PySide6 {version} is too old for its plots. {advice}"
    if number in ((6, 11, 0), (6, 11, 1)):
        return f"PySide6 {version} is known to fail with its plots. {advice}"
    if number >= (6, 12) and python < (3, 12):
        return f"PySide6 {version} makes Python {python[0]}.{python[1]} abort while plots are painted. {advice}"
    return ""


LIBRARIES = "apt-get install -y libegl1 libxkbcommon0 libgl1 libfontconfig1 libdbus-1-3"


def missing_library(message: str) -> str:
    """Turn the loader's message about a missing library into one sentence with the line that installs it.

    Examples
    --------
    >>> missing_library("libEGL.so.1: cannot open shared object file: No such file or directory")[:38]
    'Qt needs the system library libEGL.so.'
    """
    name = message.split(":")[0].strip()
    if ".so" not in name:
        return f"Qt cannot be loaded: {message}"
    extra = " libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1" if "xcb" in name or "X11" in name else ""
    library = name.split(".so")[0] + ".so"
    return f"Qt needs the system library {library}. On Debian and Ubuntu install it with: {LIBRARIES}{extra}"


def check_screen() -> str:
    """Return "" or one sentence: Qt ends the whole process where it finds no screen, so it is asked about before."""
    import ctypes
    import os
    import sys
    from pathlib import Path

    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return ""
    if os.environ.get("WAYLAND_DISPLAY"):
        return ""
    if not os.environ.get("DISPLAY"):
        return "there is no screen. Without one, use: python -m analysis --help"
    import PySide6

    plugin = Path(PySide6.__file__).parent / "Qt" / "plugins" / "platforms" / "libqxcb.so"
    try:
        ctypes.CDLL(str(plugin))
    except OSError as error:
        return missing_library(str(error)) if plugin.exists() else ""
    return ""
