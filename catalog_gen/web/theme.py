"""Colours of the page, light and dark as the browser asks; every text has WCAG AA contrast."""

from typing import Final

ICON_COLOUR: Final = "#063a73"
_SHARED: Final = {
    "theme.paddingTop": "1rem",
    "theme.font": "sans-serif",
    "theme.baseRadius": "small",
    "theme.linkUnderline": True,
}
_LIGHT: Final = {
    "primaryColor": ICON_COLOUR,
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f3f4f6",
    "textColor": "#060708",
    "linkColor": "#0b5cad",
    "greenTextColor": "#0f5f2c",
    "orangeTextColor": "#7a4100",
    "redTextColor": "#9b1c1c",
    "grayTextColor": "#4b5158",
}
_DARK: Final = {
    "primaryColor": "#143c6e",
    "backgroundColor": "#14171a",
    "secondaryBackgroundColor": "#22262b",
    "textColor": "#eceff2",
    "linkColor": "#8cc0ff",
    "greenTextColor": "#7fdc9b",
    "orangeTextColor": "#ffc078",
    "redTextColor": "#ffa8a8",
    "grayTextColor": "#b6bcc4",
}

#: Streamlit's options.
THEME: Final[dict[str, object]] = {
    **_SHARED,
    **{f"theme.light.{name}": colour for name, colour in _LIGHT.items()},
    **{f"theme.dark.{name}": colour for name, colour in _DARK.items()},
}
