"""The Initializr: the template's questions as a form in a browser, and the project as a zip."""

import local_extensions  # noqa: F401, which finds ml_ui
