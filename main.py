"""Start the window. Imports nothing before main(): the engine's process imports this file again."""

if __name__ == "__main__":
    import sys

    from app.start import main

    sys.exit(main())
