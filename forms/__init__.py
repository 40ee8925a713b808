"""What may be asked, and how an answer is read."""

from forms.compiler import compile_form
from forms.errors import FormInvalid, FormProblem
from forms.form import Form, Reading
from forms.ports import FeelPort

__all__ = ["FeelPort", "Form", "FormInvalid", "FormProblem", "Reading", "compile_form"]
