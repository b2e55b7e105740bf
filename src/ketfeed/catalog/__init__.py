"""What editors write: two YAML files in, a checked Catalog out, and changes that keep the editor's hand.

schema.py   the shape of both files (pydantic), also their JSON Schema
marks.py    YAML text → plain data with the line and column of every key and value, YAML traps found on the way
load.py     folder → Catalog, or every complaint at once as file:line:column: key: problem: what to write
rules.py    groups expanded into terms: topics.yaml → RuleSet
checks.py   what one value cannot say by itself: two places compared, both files, what the operator set
wording.py  what pydantic found wrong, in an editor's words
address.py  which addresses are the same, which can never be polled
syntax.py   where a text stops being YAML
edit.py     changes to feeds.yaml that touch only the lines they must; cuts.py how, spans.py where its pieces are
disk.py     the file itself: replaced only if nobody changed it meanwhile
outlines.py OPML text as far as it goes; opml.py lists in and out, table.py the same as CSV
imports.py  what such a list would add; propose.py what to write about a new source
watch.py    hot reload: the last good Catalog while files change
"""
