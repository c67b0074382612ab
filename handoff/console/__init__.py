"""The console: the pages of agents, officers, supervisors, administrators and auditors."""
