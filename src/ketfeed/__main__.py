"""ketfeed, as ``python -m ketfeed``. The road, in ten lines:

1. An editor writes ``config/feeds.yaml`` and ``config/topics.yaml``: catalog/ checks both and says what to mend.
2. A source's row says when it is due: run/schedule asks for the due ones, run/hosts gives each host its turn.
3. run/poll fetches through net/client: one bounded request to a judged address, "has it changed?" first.
4. A changed document goes to a child process that can be killed: ingest/ reads it and makes clean entries.
5. In the same child topics/ says what each entry is about, and why.
6. run/writer commits many polls at once: entries, matches, stories, then validators and the next due time.
7. Nothing is deleted because a feed dropped it; edits of editors win over rules; the store only remembers.
8. publish/ selects one entry per story, newest first, and renders RSS, Atom and JSON Feed once per change.
9. web/ serves those bytes and pages for people; it never fetches and never parses.
10. cli/ is the door for people; ``ketfeed serve`` watches over the poller and the web process.
"""

from __future__ import annotations

from ketfeed.cli import main

if __name__ == "__main__":
    main()
