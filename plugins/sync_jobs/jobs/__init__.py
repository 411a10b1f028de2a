"""One module per job; the catalogue names the function of each. May import everything else in sync_jobs but runner."""
