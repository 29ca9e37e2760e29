"""Numbers that are computed from stored results. numpy only: the window reads them too, without torch."""
