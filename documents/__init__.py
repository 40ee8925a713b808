"""Facts in, PDF out.

A template is a folder `documents/templates/<name>/`: `template.html` (sandboxed Jinja over plain facts),
`style.css`, `meta.yaml` (title, number series, legal basis, who signs, copies, and the JSON Schema of the
facts) and `sample.json`. What templates share stands in `documents/templates/_shared/`: layouts
(`company.html` with `company.css`), macros and `facts.yaml`, the types that a `facts` schema refers to as
`#/$defs/…`.

Everywhere in this room a template is handed over as one mapping of file name to content: its own files under
their names, the shared ones as `_shared/<file>`. Pages extend `_shared/company.html` and import
`_shared/macros.html` by these names; meta.yaml's `layout: _shared/company.html` says which layout it is and
so whose style sheet (`_shared/company.css`) comes before the template's own. Nothing is read from a disk or
the network while printing, the fonts excepted.

`documents.render.PdfRenderer` prints, `documents.check` finds what is wrong with a template, both in
processes of their own.
"""

from documents.checking import check
from documents.findings import Finding

__all__ = ["Finding", "check"]
