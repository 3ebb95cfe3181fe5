"""Where bytes and rows are kept: files, blobs and the metadata database, each opened by URL."""
