"""One module per job; the catalogue names the function of each. May import everything in sync_jobs except runner."""
