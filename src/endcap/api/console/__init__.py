"""Our own JSON API, which the storefront and the console speak, and the pages that speak it."""
