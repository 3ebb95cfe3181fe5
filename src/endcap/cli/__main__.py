"""`python -m endcap.cli`, the same as `endcap`."""

from endcap.cli import main

main()
