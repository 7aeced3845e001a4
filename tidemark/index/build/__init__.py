"""From a crawl to a published index, resumable after a crash."""
