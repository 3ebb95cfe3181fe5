"""Authentication: signatures of AWS's version 4 and bearer tokens, both of the same access keys."""
