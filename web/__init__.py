"""The Initializr: the template's questions as a form in a browser, and the project as a zip."""
