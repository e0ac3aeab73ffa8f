"""What the pages share: the heading, and the box that copies a program."""

from __future__ import annotations

import html

from bokeh.models import CustomJS, Div, TextAreaInput


def heading(title: str) -> Div:
    """Return the heading of a page; ``title`` is plain text."""
    return Div(text=f"<h2>{html.escape(title)}</h2>")


class CodeBox:
    """A box that shows a program and puts it into the clipboard of the browser."""

    def __init__(self) -> None:
        """Make it; it is hidden until there is something to show."""
        self.area = TextAreaInput(value="", rows=18, cols=100, visible=False, name="code")
        self.area.js_on_change("value", CustomJS(code="navigator.clipboard.writeText(cb_obj.value)"))

    def show(self, program: str) -> None:
        """Show and copy a program."""
        self.area.value = ""  # the same program again is copied again
        self.area.value = program
        self.area.visible = True
