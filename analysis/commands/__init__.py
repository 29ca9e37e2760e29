"""The verbs of the command line, one file each. torch is imported when a verb needs it, so that --help is instant."""
