"""Task specs of the library, one class for each kind of BPMN element: what it does when a token comes and
goes."""
