"""Who acts when: the cadence of polls, the polls themselves, and the processes of the service."""
