"""Files that come with LayerScope: the demo, help pages, icons, tables."""

from pathlib import Path

FOLDER = Path(__file__).parent
