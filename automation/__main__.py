"""The command line: `cartwheel` and `python -m automation`."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Email engagement automation for online stores."""


if __name__ == "__main__":
    main()
