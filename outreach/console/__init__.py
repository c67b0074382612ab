"""The console's pages about outreach."""
