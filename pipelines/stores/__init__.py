"""Files of a job: tables, records, versions of the feed, renders by content, locks."""
