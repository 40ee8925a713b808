"""Everything wrong with a bundle: its diagrams, tables, forms and templates, and what they say of each other.

The same check guards the command line, deployment and start-up. What is wrong within one form or one template
is known by the rooms of their own: they are asked through callables.
"""

from engine.check.bundle import FormChecker, TemplateChecker, check_bundle

__all__ = ["FormChecker", "TemplateChecker", "check_bundle"]
