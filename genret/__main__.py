"""`python -m genret`: the command line without the console script."""

from genret.cli import main

if __name__ == "__main__":
    main()
